"""A run and another training of its model → rows of the table `diagnostic`: what the other predicts, how far it is.

The other was trained from another seed, with attention frozen uniform, with attention that was given to it, to
imitate, or to hide words (see `studies/gather.py`). Everything here is read from the tables of the two runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pyarrow as pa

from attnaudit import tables
from attnaudit.agreement import attention_of
from attnaudit.between import OTHER_TEXT, OTHER_TOKENS, between
from attnaudit.errors import DataError
from attnaudit.result import Result

_STATUS = {OTHER_TEXT: "not_applicable", OTHER_TOKENS: "not_applicable"}


def compared(base: Result, other: Result, kind: str, subject: str) -> Iterator[pa.Table]:
    """The rows of one other training, a table for each part of the base run.

    prediction: the class it gives. output_tvd, attention_jsd: how far its output and its attention lie from those of
    the base. permuted_jsd: how far its attention would lie if its weights stood on random words. Without stored
    attention the last two are `not_run`.

    Raises:
        DataError: it was not asked about every instance of the base run.
    """
    found = between(base, other)
    if found.only_a:
        raise DataError(f"{other.folder}: {found.only_a} texts of {base.folder} are missing in it")
    predictions = np.concatenate(
        [part["instances"]["prediction"].to_numpy() for part in other.tables.chunks()]
    )
    columns = {
        "prediction": (predictions[found.row_b].astype(np.float64), np.full(len(found), "ok")),
        "output_tvd": (found.output_tvd, np.full(len(found), "ok")),
        "attention_jsd": (found.attention_jsd, found.attention_status),
        "permuted_jsd": (found.permuted_jsd, found.attention_status),
    }
    ids = found.ids.to_pylist()
    start = 0
    for part in base.tables.chunks():
        here = slice(start, start + len(part["instances"]))
        start = here.stop
        yield pa.concat_tables(
            _rows(ids[here], kind, subject, quantity, values[here], statuses[here])
            for quantity, (values, statuses) in columns.items()
        )


def hidden_mass(run: Result, words: Collection[str], subject: str) -> Iterator[pa.Table]:
    """How much of its attention a run spends on words that are to be hidden, a table for each of its parts.

    The given words in any case, or where none are the evidence of the corpus (of any annotator). `not_applicable`
    where a text has none of them, or its words were kept out of the tables.
    """
    chosen = {word.casefold() for word in words}
    for part in run.tables.chunks():
        instances, weights = part["instances"], attention_of(part["importance"])
        ids = instances["instance_id"].to_pylist()
        values = np.full(len(ids), np.nan)
        for row, instance in enumerate(instances.select(["tokens", "audited", "evidence"]).to_pylist()):
            hidden = _hidden(instance, chosen)
            own = weights.get(ids[row])
            if hidden.any() and own is not None:
                values[row] = own[hidden].sum() / own.sum()
        statuses = np.where(np.isnan(values), "not_applicable", "ok")
        yield _rows(ids, "deception", subject, "hidden_mass", values, statuses)


def _hidden(instance: dict[str, list | None], chosen: Collection[str]) -> np.ndarray:
    audited, tokens, evidence = (instance[name] or [] for name in ("audited", "tokens", "evidence"))
    if not chosen:
        return np.any(np.array(evidence, dtype=bool).reshape(-1, sum(audited)), axis=0)
    return np.array(
        [token.casefold() in chosen for token, there in zip(tokens, audited, strict=False) if there]
    )


def _rows(
    ids: list[str], kind: str, subject: str, quantity: str, values: np.ndarray, statuses: np.ndarray
) -> pa.Table:
    there = np.isfinite(values)
    columns = {
        "instance_id": ids,
        "kind": kind,
        "subject": subject,
        "quantity": quantity,
        "value": pa.array(values, mask=~there),
        "status": [
            "ok" if known else "not_applicable" if status == "ok" else _STATUS.get(status, status)
            for known, status in zip(there, statuses.tolist(), strict=True)
        ],
    }
    return tables.build("diagnostic", columns)
