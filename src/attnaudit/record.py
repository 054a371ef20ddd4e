"""What a manifest records about how a run was made: data, model, speed. The digests are the store's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from attnaudit.models.interface import TextModel
from attnaudit.tasks import checks
from attnaudit.tasks.corpus import Corpus


def data(corpus: Corpus, model: TextModel) -> dict[str, Any]:
    """Notes of the corpus, its facts, and what a careful reader would want to be told; lengths in tokens."""
    lengths = {
        name: np.fromiter((model.n_words(instance) for instance in split), np.int64)
        for name, split in corpus.splits.items()
    }
    facts = checks.facts(corpus, lengths)
    return {
        "corpus": corpus.name,
        "notes": list(corpus.notes),
        "facts": facts.plain(),
        "warnings": list(checks.warnings(facts)),
    }


def model(audited: TextModel, earlier: Path | None) -> dict[str, Any]:
    """Settings and sizes of the audited model, and the run it was taken from."""
    return audited.described() | {"from": str(earlier) if earlier else None}


def tokens_per_second(
    data: Mapping[str, Any], epochs: int, seconds: Mapping[str, float]
) -> dict[str, float | None]:
    """How fast training went through its texts; None where nothing was trained."""
    train = data["facts"]["splits"].get("train")
    if train is None or not seconds.get("training"):
        return {"training": None}
    return {"training": round(train["n"] * train["mean_length"] * epochs / seconds["training"])}
