"""A transformer from a folder or the hub: its weights as safetensors alone, and no code of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from attnaudit.errors import ModelError, UnsupportedModelError

_GENERIC = "LABEL_"
"""How the library names outputs that nobody named."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A classifier with its tokeniser, and a digest of everything that its numbers come from."""

    model: Any
    tokenizer: Any
    digest: str

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the classes by output; None where they were never named."""
        labels = self.model.config.id2label
        names = tuple(str(labels[number]) for number in range(len(labels)))
        return None if all(name.startswith(_GENERIC) for name in names) else names


def pretrained(path: str) -> Pretrained:
    """The classifier in a folder, or that of a name on the hub, in float32.

    Raises:
        ModelError: `transformers` is not installed, there is no such model, or it cannot be loaded.
        UnsupportedModelError: its weights are in a file that runs code when it is read, it needs code of its own, or
            it holds no trained classifier.
    """
    model, tokenizer, missing = _loaded(path)
    if missing:
        raise UnsupportedModelError(
            f"{path}: holds no trained classifier: {', '.join(f'`{name}`' for name in missing[:4])} "
            f"{'is' if len(missing) == 1 else 'are'} missing from its weights; fine-tune it first (`attnaudit train`)"
        )
    return Pretrained(model.eval(), tokenizer, _digest(model, tokenizer))


def untrained(path: str, classes: Sequence[str], seed: int) -> tuple[Any, Any]:
    """A pre-trained encoder or decoder with a new head for the classes, drawn with the seed; and its tokeniser.

    Raises:
        ModelError, UnsupportedModelError: as for `pretrained`; or more than the head is missing.
    """
    labels = {"id2label": dict(enumerate(classes)), "label2id": {name: n for n, name in enumerate(classes)}}
    torch.manual_seed(seed)
    model, tokenizer, missing = _loaded(path, num_labels=len(classes), ignore_mismatched_sizes=True, **labels)
    own = f"{model.base_model_prefix}."
    if gone := [name for name in missing if name.startswith(own) and "pool" not in name]:
        raise UnsupportedModelError(
            f"{path}: its weights lack {', '.join(f'`{name}`' for name in gone[:4])}, so it is not pre-trained"
        )
    return model, tokenizer


def _loaded(path: str, **changes: Any) -> tuple[Any, Any, list[str]]:
    """Model, tokeniser, and the names of the weights that are not there."""
    try:
        from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
    except ImportError:
        raise ModelError(
            "a transformer needs the package `transformers`: pip install 'attnaudit[transformers]'"
        ) from None
    folder = Path(path)
    if folder.is_dir():
        _refuse_code(folder)
    elif path.startswith((".", "/", "~", "\\")) or path.count("/") > 1:
        raise ModelError(f"{path}: there is no such folder")
    loading = {"trust_remote_code": False}
    sizes = {"ignore_mismatched_sizes": changes.pop("ignore_mismatched_sizes", False)}
    try:
        with without_remarks():
            config = AutoConfig.from_pretrained(path, **changes, **loading)
            tokenizer = AutoTokenizer.from_pretrained(path, **loading)
            model, report = AutoModelForSequenceClassification.from_pretrained(
                path,
                config=config,
                dtype="float32",
                use_safetensors=True,
                output_loading_info=True,
                **sizes,
                **loading,
            )
    except Exception as error:
        # Of whatever kind: what stands in a folder from elsewhere decides what the library raises.
        said = " ".join(str(error).split())[:300]
        if "trust_remote_code" in said:
            raise UnsupportedModelError(
                f"{path}: the model comes with code of its own, which is not run; only what `transformers` itself "
                "knows can be audited"
            ) from None
        raise ModelError(f"{path}: no classifier of texts can be loaded from there: {said}") from None
    return model, tokenizer, sorted(report["missing_keys"])


def _refuse_code(folder: Path) -> None:
    safe = any(folder.glob("*.safetensors"))
    others = sorted(
        path.name for suffix in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(suffix)
    )
    if not safe and others:
        raise UnsupportedModelError(
            f"{folder}: its weights are in `{others[0]}`, and reading such a file runs whatever is in it; save them "
            "as safetensors (`model.save_pretrained(folder)`)"
        )
    if not safe:
        raise ModelError(f"{folder}: holds no weights (`*.safetensors`)")


def _digest(model: Any, tokenizer: Any) -> str:
    """Of configuration, weights and vocabulary: what numbers depend on, and no folder."""
    config = {
        key: value
        for key, value in sorted(model.config.to_diff_dict().items())
        if not key.startswith(("_", "transformers"))
    }
    sha = hashlib.sha256(repr(config).encode())
    for name, value in sorted(model.state_dict().items()):
        sha.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    backend = getattr(tokenizer, "backend_tokenizer", None)
    sha.update((repr(tokenizer) if backend is None else backend.to_str()).encode())
    return sha.hexdigest()


@contextmanager
def without_remarks() -> Iterator[None]:
    """Without the progress bars and remarks of the library: what has to be said is said here, once."""
    from transformers.utils import logging as library

    shown, level = library.is_progress_bar_enabled(), library.get_verbosity()
    library.disable_progress_bar()
    library.set_verbosity_error()
    try:
        yield
    finally:
        library.set_verbosity(level)
        if shown:
            library.enable_progress_bar()
