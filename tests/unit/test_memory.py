"""The memory limit: how it is written, what it decides, and what happens where a device has less."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from attnaudit import memory, stages, store
from attnaudit.core import silent
from attnaudit.errors import ModelError, SpecError
from attnaudit.importance import MEASURES
from tests import tiny


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("800MB", 800 * 2**20),
        ("2g", 2**31),
        ("1.5 GiB", 3 * 2**29),
        ("33554432", 2**25),
        ("20000K", 20000 * 2**10),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert memory.size_of(text) == size


@pytest.mark.parametrize("text", ["", "much", "-2GB", "2TB", "1MB", "1,5GB", "nanMB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="16MB or more"):
        memory.size_of(text)


class Timid:
    """A measure that has room for two texts at a time."""

    objective = "none"

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, model, batch) -> torch.Tensor:
        self.seen.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("no room")
        return MEASURES["leave_one_out"](model, batch)


def _work(folder, texts) -> stages.Work:
    folder.mkdir()
    return stages.Work(tiny.model(), tuple(texts), store.Draft(folder, folder.with_name("final")), silent)


def _rows(work: stages.Work) -> pa.Table:
    return pa.concat_tables(work.draft.parts("importance"))


def test_a_batch_that_does_not_fit_is_halved_until_it_does(tmp_path) -> None:
    texts = tiny.instances(*range(3, 14))
    timid = Timid()
    work = _work(tmp_path / "timid", texts)
    stages.measure(work, "leave_one_out", timid)
    found = _rows(work)
    plain = _work(tmp_path / "plain", texts)
    stages.measure(plain, "leave_one_out", MEASURES["leave_one_out"])
    expected = _rows(plain)
    assert max(timid.seen) == 11
    assert found["instance_id"].to_pylist() == expected["instance_id"].to_pylist()
    for mine, theirs in zip(found["scores"].to_pylist(), expected["scores"].to_pylist(), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-6)


def test_one_text_that_does_not_fit_is_named(tmp_path) -> None:
    class Never:
        objective = "none"

        def __call__(self, model, batch) -> torch.Tensor:
            raise torch.OutOfMemoryError("no room")

    work = _work(tmp_path / "never", tiny.instances(4, 9))
    with pytest.raises(ModelError, match=r"tiny/1` alone \(11 tokens\)"):
        stages.measure(work, "never", Never())


def test_a_lower_limit_makes_smaller_batches(tmp_path) -> None:
    sizes = []

    class Watching:
        objective = "none"

        def __call__(self, model, batch) -> torch.Tensor:
            sizes.append(batch.token_ids.numel())
            return MEASURES["leave_one_out"](model, batch)

    work = _work(tmp_path / "small", tiny.instances(*[20] * 40))
    room = 100 * work.model.bytes_per_token
    with memory.limited(room):
        stages.measure(work, "watching", Watching())
    assert len(sizes) == 10
    assert max(sizes) <= 100


_LONG_TEXT = """
import torch
from attnaudit import memory
from attnaudit.importance import MEASURES
from tests import tiny
torch.set_num_threads(1)
model = tiny.model("average")
batch = model.encode(tiny.instances({length}))
def peak():
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) * 1024
before = peak()
with memory.limited({limit}):
    MEASURES["leave_one_out"](model, batch)
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
def test_leaving_out_of_a_long_text_keeps_to_the_limit() -> None:
    """4,000 tokens: 16 million pairs would take 256 MB."""
    grown = {}
    for limit in (2**25, 2**30):
        code = _LONG_TEXT.format(length=4000, limit=limit)
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        grown[limit] = int(told.stdout)
    assert grown[2**25] < 3 * 2**25
    assert grown[2**30] > grown[2**25]
