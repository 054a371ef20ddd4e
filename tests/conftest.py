"""What every test relies on: one compute thread, no network, the same draws each time."""

import os
from collections.abc import Iterator

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# Shapes in the signatures of all that handles arrays are checked at run time, here and only here.
install_import_hook(
    [
        f"attnaudit.{name}"
        for name in ("case", "core", "counterfactual", "erasure", "importance", "models", "stats", "train")
    ],
    "beartype.beartype",
)

settings.register_profile("attnaudit", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("attnaudit")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept between runs, such as the controls, is kept for this session, and never in the user's home."""
    own = tmp_path_factory.getbasetemp()
    cache = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "cache"  # workers share it
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ATTNAUDIT_CACHE", str(cache))
        yield


@pytest.fixture(scope="session")
def planted_run(tmp_path_factory: pytest.TempPathFactory):
    """A finished run of a small model on a small planted corpus, with every measure and counterfactual."""
    from attnaudit.run import audit
    from tests.tiny import small_spec

    return audit(small_spec(), store=tmp_path_factory.mktemp("store"))
