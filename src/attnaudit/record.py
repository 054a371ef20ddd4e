"""What a manifest records about how a run was made: data, model, machine. The digests are the store's."""

from __future__ import annotations

import datetime
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from attnaudit.models.attentive import AttentiveModel
from attnaudit.tasks import checks
from attnaudit.tasks.corpus import Corpus

_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "pyarrow")


def made() -> dict[str, Any]:
    """By which version, and when."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {"attnaudit": _version("attnaudit"), "created": now}


def data(corpus: Corpus, model: AttentiveModel) -> dict[str, Any]:
    """Notes of the corpus, its facts, and what a careful reader would want to be told; lengths in tokens."""
    lengths = {
        name: np.fromiter((len(model.encoding.ids(instance).tokens) - 2 for instance in split), np.int64)
        for name, split in corpus.splits.items()
    }
    facts = checks.facts(corpus, lengths)
    return {
        "corpus": corpus.name,
        "notes": list(corpus.notes),
        "facts": facts.plain(),
        "warnings": list(checks.warnings(facts)),
    }


def model(audited: AttentiveModel, earlier: Path | None) -> dict[str, Any]:
    """Settings and sizes of the audited model, and the run it was taken from."""
    return {
        **audited.settings,
        "vocabulary": len(audited.vocabulary),
        "parameters": sum(parameter.numel() for parameter in audited.parameters()),
        "from": str(earlier) if earlier else None,
    }


def environment(device: str, threads: int, memory: int) -> dict[str, Any]:
    """Machine, device and versions."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "git": _git(),
        "device": device,
        "precision": "float32",
        "threads": threads,
        "memory_bytes": memory,
        "peak_memory_bytes": _peak_memory(),
    }


def tokens_per_second(
    data: Mapping[str, Any], epochs: int, seconds: Mapping[str, float]
) -> dict[str, float | None]:
    """How fast training went through its texts; None where nothing was trained."""
    train = data["facts"]["splits"].get("train")
    if train is None or not seconds.get("training"):
        return {"training": None}
    return {"training": round(train["n"] * train["mean_length"] * epochs / seconds["training"])}


def _peak_memory() -> int | None:
    """The most memory that this process has held so far; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git() -> str | None:
    """The commit of a source checkout, with a plus when files differ from it; None for an installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        described = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--abbrev=12"]
        return subprocess.run(
            described, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
