"""A data set of the Hugging Face hub to a corpus, through the `datasets` library.

The library is imported when it is asked for, since most audits do not need it. What texts and labels must
be is the subject of `rows.py`; code that a data set brings along is never run.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attnaudit.errors import DataError
from attnaudit.spec import corpora as specs
from attnaudit.tasks.corpus import WHOLE, Corpus
from attnaudit.tasks.rows import ALIASES, Row, corpus_of, missing_columns


def hub(spec: specs.Hub, seed: int, classes: Sequence[str] | None = None) -> Corpus:
    """A data set of the Hugging Face hub, or a folder that the `datasets` library can load.

    With a `query_column` an instance is a pair of texts: `text` is attended to, `query` is read beside it.

    Args:
        spec: name of the data set and its columns.
        seed: not used, since nothing is drawn here.
        classes: names of the classes in their order, when a model of an earlier run is audited.

    Raises:
        DataError: the library is not installed, the data set cannot be had, or rows break the contract.
    """
    del seed
    parts, notes = _splits(_loaded(spec), spec.dataset)
    names = _label_names(parts, spec.label_column)
    columns = [spec.text_column, spec.label_column]
    columns += [] if spec.query_column is None else [spec.query_column]
    for source, table in parts.values():
        place = f"{spec.dataset}, split `{source}`"
        if message := missing_columns(columns, table.column_names, place):
            raise DataError(message)

    def rows() -> Iterator[Row]:
        for split, (source, table) in parts.items():
            values = zip(*(table[column] for column in columns), strict=True)
            for number, (text, label, *query) in enumerate(values, start=1):
                place = f"{spec.dataset}, split `{source}`, row {number}"
                identity = f"{spec.dataset}/{source}/{number:06d}"
                yield Row(place, identity, split, text, _named(label, names), *query)

    return corpus_of(
        rows(),
        name=spec.dataset,
        splits=tuple(parts),
        paired=spec.query_column is not None,
        drop_empty=spec.drop_empty,
        classes=classes,
        order=names,
        notes=notes,
    )


def tables(dataset: str, subset: str | None = None) -> dict[str, Any]:
    """The table of each split of a data set, under our names for the splits; others are passed over.

    Raises:
        DataError: the library is not installed, or the data set cannot be had.
    """
    parts, _ = _splits(_loaded(specs.Hub(dataset=dataset, subset=subset)), dataset)
    return {split: table for split, (_, table) in parts.items()}


def unready() -> str:
    """Why the hub cannot be used here, and what to do; empty when it can."""
    if "datasets" in sys.modules or importlib.util.find_spec("datasets") is not None:
        return ""
    return "the `datasets` library is not installed; install it with `pip install attnaudit[hub]`"


def _loaded(spec: specs.Hub) -> Any:
    if reason := unready():
        raise DataError(f"data set `{spec.dataset}`: {reason}")
    library = importlib.import_module("datasets")
    if not sys.stderr.isatty():
        library.disable_progress_bars()
    try:
        return library.load_dataset(spec.dataset, spec.subset)
    except Exception as error:  # the library passes on those of half a dozen others, without a common root
        cause = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"data set `{spec.dataset}` cannot be loaded: {cause[:300]}. Check the name and the `subset`, "
            "and whether this machine reaches the hub; or download it and name the folder, or use the task "
            "`file`."
        ) from error


def _splits(loaded: Any, name: str) -> tuple[dict[str, tuple[str, Any]], list[str]]:
    """Our split → its name at the source and its table; and what is said of splits that are left out."""
    if not isinstance(loaded, Mapping):
        return {WHOLE: ("all", loaded)}, []
    parts: dict[str, tuple[str, Any]] = {}
    ignored = []
    for source, table in loaded.items():
        split = ALIASES.get(str(source).casefold())
        if split is None or split in parts:
            ignored.append(f"`{source}`")
        else:
            parts[split] = (str(source), table)
    if not parts:
        raise DataError(
            f"data set `{name}`: no split is called train, dev or test (or an alias). "
            f"Splits there: {', '.join(ignored) or 'none'}."
        )
    notes = [f"Splits of the source that were not used: {', '.join(ignored)}."] if ignored else []
    if list(parts) == ["train"]:  # undivided, in the hub's way of saying it
        parts = {WHOLE: parts["train"]}
    return parts, notes


def _label_names(parts: Mapping[str, tuple[str, Any]], column: str) -> tuple[str, ...]:
    """The names of the classes where the data set declares them (a `ClassLabel` feature)."""
    _, table = next(iter(parts.values()))
    feature = (table.features or {}).get(column)
    return tuple(getattr(feature, "names", None) or ())


def _named(label: object, names: tuple[str, ...]) -> object:
    """The name behind the number of a declared class; -1 is how the hub writes "not known"."""
    if not names or not isinstance(label, int):
        return label
    return names[label] if 0 <= label < len(names) else None
