"""Two runs on the same instances: how far do their attentions lie apart, and how far their outputs, text by text?

Of two trainings that differ only in their seed it says whether they attended to the same words. Texts are matched by
instance id. Both runs are gone through a part at a time: as long as they hold their texts in the same order, no more
than a part of each is in memory; else attention and output of the second run are kept until they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float, Int, Shaped

from attnaudit.agreement import attention_of, ragged
from attnaudit.errors import DataError
from attnaudit.result import Result
from attnaudit.stats.divergence import jensen_shannon_divergence, total_variation_distance
from attnaudit.stats.draws import generator

DRAWS = 20
"""Random permutations of a text's attention that stand for chance."""

OK, OTHER_TEXT, OTHER_TOKENS, TOO_SHORT, NOT_RUN = "ok", "other_text", "other_tokens", "too_short", "not_run"
"""Why two attentions on one text can be compared (`ok`) or not."""

Column = Float[np.ndarray, " instance"]


@dataclass(frozen=True, slots=True)
class Between:
    """Run A against run B on the instances that both audited, in the order of A; all arrays are as long as that.

    `row_a` and `row_b` are their rows in the two tables `instances`; `only_a` and `only_b` count the instances that
    the other run lacks. NaN stands for what does not exist, and is off every table.

    `attention_jsd` is the Jensen–Shannon divergence (nats) of the two attentions, `permuted_jsd` the mean of that of
    A's and B's when B's weights are given to the tokens at random: what an attention as sharp as B's, that knew
    nothing of the words, would reach. `attention_status` says why they exist (`ok`) or not: the run has another text
    under the same id (`other_text`), cuts it into other tokens (`other_tokens`), the text has a single token
    (`too_short`), or a run has no attention there (`not_run`).

    `output_tvd` is the total variation distance of the outputs, classes matched by name; it exists where both runs
    give outputs, know the same classes and have the same text. `same_prediction` and `same_target` are 1 or 0, by the
    names of the classes; `correct_a` and `correct_b` say whether each run gives its own gold class. NaN where no gold
    class or no prediction is known, or of `same_prediction` where the texts are not the same.
    """

    ids: pa.StringArray
    row_a: Int[np.ndarray, " instance"]
    row_b: Int[np.ndarray, " instance"]
    only_a: int
    only_b: int
    attention_jsd: Column
    permuted_jsd: Column
    attention_status: Shaped[np.ndarray, " instance"]
    output_tvd: Column
    same_prediction: Column
    same_target: Column
    correct_a: Column
    correct_b: Column
    same_classes: bool

    def __len__(self) -> int:
        return len(self.row_a)


def between(a: Result, b: Result, *, draws: int = DRAWS, seed: int = 0) -> Between:
    """The distances of run A and run B on every instance that both audited.

    Args:
        a: one run.
        b: the other; of other instances, model or training.
        draws: random permutations of B's attention for `permuted_jsd`.
        seed: of those; a text's draws depend on it and on the id of the text alone.

    Oracle: scipy's `jensenshannon` and `cityblock` on the rows of whole tables.

    Raises:
        DataError: no instance is in both.
    """
    ids_b = {one: row for row, one in enumerate(_ids(b))}
    order, same_classes = _class_order(a, b)
    found: dict[str, list[float]] = {name: [] for name in _COLUMNS}
    ids: list[str] = []
    rows: list[tuple[int, int]] = []
    statuses: list[str] = []
    examples: list[str] = []
    ahead, waiting = _texts(b), dict[str, _Text]()
    only_a = 0
    for row_a, text_a in enumerate(_texts(a)):
        examples = examples or [text_a.id]
        row_b = ids_b.get(text_a.id)
        if row_b is None:
            only_a += 1
            continue
        while text_a.id not in waiting:
            other = next(ahead)
            waiting[other.id] = other
        text_b = waiting.pop(text_a.id)
        ids.append(text_a.id)
        rows.append((row_a, row_b))
        status = _status(text_a, text_b)
        statuses.append(status)
        jsd, by_chance = _attention(text_a, text_b, draws, seed) if status == OK else (np.nan, np.nan)
        known = status != OTHER_TEXT
        moved = (
            total_variation_distance(text_a.output, text_b.output[order])
            if known and same_classes and text_a.output is not None and text_b.output is not None
            else np.nan
        )
        values = (
            jsd,
            by_chance,
            moved,
            _same(text_a.prediction, text_b.prediction) if known else np.nan,
            _same(text_a.target, text_b.target),
            _same(text_a.target, text_a.prediction),
            _same(text_b.target, text_b.prediction),
        )
        for name, value in zip(_COLUMNS, values, strict=True):
            found[name].append(float(value))
    if not ids:
        raise DataError(_nothing_in_common(a, b, examples, list(ids_b)[:1]))
    row = np.array(rows, dtype=np.int64)
    return Between(
        ids=pa.array(ids, pa.string()),
        row_a=row[:, 0],
        row_b=row[:, 1],
        only_a=only_a,
        only_b=len(ids_b) - len(ids),
        attention_status=np.array(statuses),
        same_classes=same_classes,
        **{name: np.array(values) for name, values in found.items()},
    )


_COLUMNS = (
    "attention_jsd",
    "permuted_jsd",
    "output_tvd",
    "same_prediction",
    "same_target",
    "correct_a",
    "correct_b",
)


@dataclass(frozen=True, slots=True)
class _Text:
    """What is needed of one instance of one run."""

    id: str
    words: int | None  # a hash of the text and of what is read beside it; None where texts are kept out
    places: bytes  # first and last characters of the audited tokens; empty where they are not known
    n_audited: int
    attention: np.ndarray | None
    output: np.ndarray | None  # None where it is not known
    prediction: str | None
    target: str | None


def _ids(run: Result) -> Iterator[str]:
    for chunk in run.tables.chunks():
        yield from chunk["instances"]["instance_id"].to_pylist()


def _texts(run: Result) -> Iterator[_Text]:
    """The instances of a run in the order of its table, a part of them in memory at a time."""
    for chunk in run.tables.chunks():
        instances = chunk["instances"].combine_chunks()
        ids = instances["instance_id"].to_pylist()
        attention = attention_of(chunk["importance"])
        places = _places(instances)
        outputs = ragged(instances["output"])
        for row, (one, text, query, n, prediction, target) in enumerate(
            zip(
                ids,
                *(
                    instances[name].to_pylist()
                    for name in ("text", "query", "n_audited", "prediction", "target")
                ),
                strict=True,
            )
        ):
            yield _Text(
                one,
                None if text is None else hash((text, query)),
                places[row],
                n,
                attention.get(one),
                outputs[row],
                None if prediction is None else run.classes[prediction],
                None if target is None else run.classes[target],
            )


def _places(instances: pa.Table) -> list[bytes]:
    """Where the audited tokens of each text begin and end; empty where nobody knows."""
    found = []
    columns = (instances[name].combine_chunks() for name in ("offsets", "audited"))
    for spans, audited in zip(*columns, strict=True):
        marks = audited.values.to_numpy(zero_copy_only=False)
        if spans.values.null_count == len(spans) or len(spans) != len(marks):
            found.append(b"")
            continue
        ends = [pc.fill_null(pc.struct_field(spans.values, name), -1).to_numpy() for name in ("start", "end")]
        found.append(np.stack(ends)[:, marks].tobytes())
    return found


def _status(a: _Text, b: _Text) -> str:
    if a.words is not None and b.words is not None and a.words != b.words:
        return OTHER_TEXT
    if any(scores is None or not scores.sum() > 0 for scores in (a.attention, b.attention)):
        return NOT_RUN
    if a.n_audited != b.n_audited or (a.places and b.places and a.places != b.places):
        return OTHER_TOKENS
    return OK if a.n_audited > 1 else TOO_SHORT


def _attention(a: _Text, b: _Text, draws: int, seed: int) -> tuple[float, float]:
    """The divergence of the two attentions, and its mean when the second is put on the tokens at random."""
    p, q = (_distribution(text.attention) for text in (a, b))
    draw = generator(seed, a.id, "between")
    permuted = draw.permuted(np.broadcast_to(q, (draws, len(q))), axis=1)
    return float(jensen_shannon_divergence(p, q)), float(np.mean(jensen_shannon_divergence(p, permuted)))


def _distribution(scores: np.ndarray | None) -> np.ndarray:
    """Weights that sum to 1 in double precision; they are stored in single."""
    weights = np.asarray(scores, dtype=np.float64)
    return weights / weights.sum()


def _same(a: str | None, b: str | None) -> float:
    return np.nan if a is None or b is None else float(a == b)


def _class_order(a: Result, b: Result) -> tuple[list[int], bool]:
    """Where each class of A stands in B, and whether both know the same ones."""
    if sorted(a.classes) != sorted(b.classes):
        return [], False
    return [b.classes.index(name) for name in a.classes], True


def _nothing_in_common(a: Result, b: Result, id_a: list[str], id_b: list[str]) -> str:
    said = [
        f"{run.folder} audited `{run.manifest['data']['corpus']}`"
        + (f" (its first text is `{first[0]}`)" if first else " (no text)")
        for run, first in ((a, id_a), (b, id_b))
    ]
    return (
        f"no text is in both runs: {said[0]}, and {said[1]}. Texts are matched by their ids: compare runs on "
        "the same part of the same corpus"
    )
