"""The Arrow schema of every table: type, unit, range and meaning of each column.

This is the contract between the half that computes and the half that reads, and the only definition of it; the
documentation of the tables is made from it. A value that does not exist is null, with a `status` that says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attnaudit.errors import SchemaError

SCHEMA_VERSION = 2

STATUSES = (
    "ok",
    "too_short",
    "constant",
    "diverged",
    "censored",
    "infeasible",
    "budget",
    "not_run",
    "not_applicable",
    "unsupported",
)
"""Why a value is there (`ok`) or not."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it means, in which unit, between which bounds, and whether it may be null.

    What is `knowable` is known of every row of a table or of none; where of none, the table says so (see `build`).
    """

    name: str
    type: pa.DataType
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    nullable: bool = False
    knowable: bool = False


@dataclass(frozen=True)
class Table:
    """One table: a row a fact, unique in its key."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    derived: bool = False

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema, with unit, range and meaning in the metadata of each field."""
        fields = []
        for column in self.columns:
            metadata = {"meaning": column.meaning, "unit": column.unit}
            if column.low is not None or column.high is not None:
                metadata["range"] = f"{_bound(column.low, '-inf')}..{_bound(column.high, 'inf')}"
            if column.values:
                metadata["values"] = " ".join(column.values)
            fields.append(pa.field(column.name, column.type, column.nullable, metadata))
        version = {"attnaudit.table": self.name, "attnaudit.schema_version": str(SCHEMA_VERSION)}
        return pa.schema(fields, version)


_ID = Column("instance_id", pa.string(), "the instance, as its corpus names it")
_STEP = Column("step", pa.int32(), "output step; 0 unless a model gives several", low=0)
_STATUS = Column("status", pa.string(), "`ok`, or why there is no value", values=STATUSES)
_SITE = Column("site", pa.string(), "where the model attends")
_TVD = "total variation distance"


def _tables(*tables: Table) -> dict[str, Table]:
    return {table.name: table for table in tables}


TABLES: dict[str, Table] = _tables(
    Table(
        "instances",
        "One audited text, as the model saw it, and what the model said.",
        ("instance_id",),
        (
            _ID,
            Column("split", pa.string(), "the part of the corpus it comes from"),
            Column(
                "text",
                pa.string(),
                "the attended text as given; null when texts are kept out",
                nullable=True,
            ),
            Column(
                "query",
                pa.string(),
                "the question or hypothesis read beside it; null where there is none, or texts are kept out",
                nullable=True,
            ),
            Column(
                "tokens",
                pa.list_(pa.string()),
                "tokens as the model sees them, markers included; null when texts are kept out",
                nullable=True,
            ),
            Column(
                "offsets",
                pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32())])),
                "first and one past the last character of each token in the text; null for a marker",
                unit="characters",
            ),
            Column(
                "audited", pa.list_(pa.bool_()), "whether the importance of the token is asked (no markers)"
            ),
            Column(
                "evidence",
                pa.list_(pa.list_(pa.bool_())),
                "for each annotator: whether the audited token is evidence; null where nobody said",
                nullable=True,
            ),
            Column("target", pa.int32(), "index of the gold class; null where unknown", low=0, nullable=True),
            Column(
                "prediction",
                pa.int32(),
                "index of the predicted class; null throughout where scores were imported without outputs",
                low=0,
                knowable=True,
            ),
            Column(
                "output",
                pa.list_(pa.float64()),
                "probability of each class; null as `prediction` is",
                low=0,
                high=1,
                knowable=True,
            ),
            Column("n_audited", pa.int32(), "number of audited tokens", low=1),
        ),
    ),
    Table(
        "importance",
        "How much each audited token mattered, by one measure.",
        ("instance_id", "step", "measure"),
        (
            _ID,
            _STEP,
            Column("measure", pa.string(), "the measure, its variant in the name"),
            Column(
                "scores",
                pa.list_(pa.float32()),
                "one an audited token, in reading order; null where the measure is undefined",
                low=0,
                nullable=True,
            ),
            Column("objective", pa.string(), "the number that is explained"),
            _STATUS,
        ),
    ),
    Table(
        "counterfactual",
        "What the output would have been under another attention.",
        ("instance_id", "site", "scope", "kind", "draw"),
        (
            _ID,
            _SITE,
            Column("scope", pa.string(), "which part of the site was replaced"),
            Column("kind", pa.string(), "what attention was put in"),
            Column("draw", pa.int32(), "number of the draw, from 0; 0 for what is not drawn", low=0),
            Column(
                "epsilon", pa.float64(), f"bound on the {_TVD} of the output", low=0, high=1, nullable=True
            ),
            Column("output_tvd", pa.float64(), f"{_TVD} of the output", low=0, high=1, nullable=True),
            Column("flipped", pa.bool_(), "whether the predicted class is another", nullable=True),
            Column(
                "attention_jsd",
                pa.float64(),
                "Jensen–Shannon divergence of the attention from the model's own",
                unit="nats",
                low=0,
                high=float(np.log(2)),
                nullable=True,
            ),
            Column(
                "certified_upper_jsd",
                pa.float64(),
                "no attention within epsilon is further away than this",
                unit="nats",
                low=0,
                high=float(np.log(2)),
                nullable=True,
            ),
            Column(
                "logit_mean",
                pa.float64(),
                "mean of the logit of the predicted class against the others over all permutations, exact",
                nullable=True,
            ),
            Column(
                "logit_variance",
                pa.float64(),
                "variance of that logit over all permutations, exact",
                low=0,
                nullable=True,
            ),
            Column(
                "weights",
                pa.list_(pa.float64()),
                "the attention that was put in, one an audited token; null where it is not kept",
                low=0,
                high=1,
                nullable=True,
            ),
            _STATUS,
        ),
    ),
    Table(
        "erasure",
        "What became of the decision when the highest ranked words lost their attention, or went from the text.",
        ("instance_id", "quantity", "ordering", "operator", "fraction", "draw"),
        (
            _ID,
            Column(
                "quantity",
                pa.string(),
                "decision_flip (the share of the words removed when the class changes), comprehensiveness or "
                "sufficiency (how far the probability of the predicted class falls without the top words, or with "
                "these alone)",
            ),
            Column("ordering", pa.string(), "the measure by which words are ranked, or `random`"),
            Column(
                "operator",
                pa.string(),
                "states fixed: `renormalise` the attention that stays, or leave it: `zero`; encoded anew, for a "
                "sample of the instances: `delete` the words, or `mask` them",
            ),
            Column(
                "fraction",
                pa.float64(),
                "share of the words that are removed or kept",
                low=0,
                high=1,
                nullable=True,
            ),
            Column("draw", pa.int32(), "number of the random order, from 0; 0 for what is not drawn", low=0),
            Column("value", pa.float64(), "its value", low=-1, high=1, nullable=True),
            _STATUS,
        ),
    ),
    Table(
        "diagnostic",
        "What is known of a model besides: its states and attention, or how it compares with another training.",
        ("instance_id", "kind", "subject", "quantity"),
        (
            _ID,
            Column(
                "kind",
                pa.string(),
                "representation; seeds, uniform, guide, imitation or deception (what the other model is there for)",
            ),
            Column("subject", pa.string(), "the model: `base`, or which other one"),
            Column(
                "quantity",
                pa.string(),
                "conicity (−1 to 1), attention_entropy (nats), punctuation_mass, special_mass (shares of the "
                "attention); of another model: prediction (index of a class), attention_jsd and permuted_jsd "
                "(nats, from the base to it, and to it permuted), output_tvd, hidden_mass (share of the attention on "
                "the words to hide)",
            ),
            Column("value", pa.float64(), "its value", low=-1, nullable=True),
            _STATUS,
        ),
    ),
    Table(
        "scores",
        "How good the model is.",
        ("model", "split", "metric"),
        (
            Column("model", pa.string(), "which model of the run"),
            Column("split", pa.string(), "the part of the corpus"),
            Column("metric", pa.string(), "accuracy, roc_auc, average_precision, f1 (of class 1), …"),
            Column("value", pa.float64(), "its value; null where undefined", low=0, high=1, nullable=True),
            Column("n", pa.int64(), "number of instances", low=0),
            _STATUS,
        ),
    ),
    Table(
        "training",
        "How the training went, epoch by epoch.",
        ("model", "epoch", "split", "metric"),
        (
            Column("model", pa.string(), "which model of the run"),
            Column("epoch", pa.int32(), "number of the epoch, from 1", low=1),
            Column("split", pa.string(), "the part of the corpus"),
            Column("metric", pa.string(), "loss (nats an instance), roc_auc, accuracy, …"),
            Column("value", pa.float64(), "its value; null where undefined", nullable=True),
            Column("selected", pa.bool_(), "whether the weights of this epoch were kept"),
            _STATUS,
        ),
    ),
    Table(
        "agreement",
        "Whether two measures rank the tokens of one text alike.",
        ("instance_id", "step", "measure_a", "measure_b", "statistic"),
        (
            _ID,
            _STEP,
            Column("measure_a", pa.string(), "one measure"),
            Column("measure_b", pa.string(), "the other"),
            Column("statistic", pa.string(), "how they are compared"),
            Column("value", pa.float64(), "1 = same order, −1 = reversed", low=-1, high=1, nullable=True),
            Column(
                "p_value", pa.float64(), "two-sided, against no correlation", low=0, high=1, nullable=True
            ),
            Column("n_tokens", pa.int32(), "number of tokens compared; 0 where none could be", low=0),
            _STATUS,
        ),
        derived=True,
    ),
    Table(
        "plausibility",
        "Whether a measure finds the tokens that are known to be the evidence.",
        ("instance_id", "measure", "annotator", "metric"),
        (
            _ID,
            Column(
                "measure",
                pa.string(),
                "the measure; `chance` for a random order, `annotators` for the other annotators' marks",
            ),
            Column("annotator", pa.int32(), "whose evidence", low=0),
            Column(
                "metric",
                pa.string(),
                "precision_at_k (k = number of evidence tokens), average_precision (the AUPRC), token_f1 or iou_f1 "
                "(both of the highest scores, as many as are marked on average)",
            ),
            Column(
                "value",
                pa.float64(),
                "1 = all evidence first, or it and nothing else",
                low=0,
                high=1,
                nullable=True,
            ),
            _STATUS,
        ),
        derived=True,
    ),
    Table(
        "summary",
        "One number a question, statistic and group of instances, with its interval.",
        ("experiment", "subject", "group", "statistic"),
        (
            Column("experiment", pa.string(), "agreement, permutation, adversary, …"),
            Column("subject", pa.string(), "what was measured or compared"),
            Column("group", pa.string(), "`overall`, or the predicted class"),
            Column("statistic", pa.string(), "mean, median, share …"),
            Column("value", pa.float64(), "the number; null where there is none", nullable=True),
            Column("low", pa.float64(), "lower end of the 95% interval", nullable=True),
            Column("high", pa.float64(), "upper end of the 95% interval", nullable=True),
            Column(
                "n", pa.int64(), "number of instances it rests on; of an interval over seeds, of seeds", low=0
            ),
            Column("n_undefined", pa.int64(), "number of instances without a value", low=0),
        ),
        derived=True,
    ),
)
"""Every table by name, in the order of a reader; derived ones are computed from the others and not stored."""

ACROSS_RUNS: dict[str, Table] = _tables(
    Table(
        "reproduction",
        "One number of a reproduction held against the published one; runs that differ only in their seed together.",
        ("corpus", "encoder", "attention", "vectors", "quantity", "group"),
        (
            Column("corpus", pa.string(), "the corpus that was run"),
            Column("encoder", pa.string(), "encoder of the model; `any` for sizes of the corpus"),
            Column("attention", pa.string(), "attention of the model; `any` for sizes of the corpus"),
            Column("vectors", pa.string(), "word vectors it began from; `any` for sizes of the corpus"),
            Column("quantity", pa.string(), "what is compared, its statistic in the name"),
            Column("group", pa.string(), "`overall`, `predicted CLASS`, or `class CLASS` (the gold class)"),
            Column("published", pa.float64(), "the published value; null where there is none", nullable=True),
            Column(
                "original_random",
                pa.float64(),
                "what the original code gave with random word vectors; null where it was not run",
                nullable=True,
            ),
            Column(
                "value", pa.float64(), "ours, the mean over seeds; null where there is none", nullable=True
            ),
            Column(
                "low",
                pa.float64(),
                "lower end of the 95% interval over texts, the lowest of the seeds",
                nullable=True,
            ),
            Column("high", pa.float64(), "upper end, the highest of the seeds", nullable=True),
            Column("n", pa.int64(), "number of texts it rests on, in the seed with the fewest", low=0),
            Column(
                "n_undefined", pa.int64(), "number of texts without a value, in the seed with most", low=0
            ),
            Column("seeds", pa.int32(), "number of runs", low=0),
            Column("seed_low", pa.float64(), "lowest value of a seed; null for one run", nullable=True),
            Column("seed_high", pa.float64(), "highest value of a seed; null for one run", nullable=True),
            Column(
                "tolerance",
                pa.float64(),
                "how far two runs of the original code lie apart; null where not known",
                low=0,
                nullable=True,
            ),
            Column(
                "verdict",
                pa.string(),
                "`within` when the published value lies between low − tolerance and high + tolerance",
                values=("within", "outside", "not_comparable", "not_published", "not_run"),
            ),
            Column("reason", pa.list_(pa.string()), "what must be known with the verdict: ids of errata"),
            Column("run_id", pa.string(), "the runs, by seed; empty where there is none"),
        ),
        derived=True,
    ),
    Table(
        "comparison",
        "One number of run A against the same number of run B, on the texts that both audited.",
        ("experiment", "subject", "group", "statistic"),
        (
            Column("experiment", pa.string(), "quality, agreement, permutation, …"),
            Column("subject", pa.string(), "what was measured or compared"),
            Column("group", pa.string(), "`overall`, or `class CLASS` (the gold class)"),
            Column("statistic", pa.string(), "accuracy, mean, median …"),
            Column("value_a", pa.float64(), "of run A; null where there is none", nullable=True),
            Column("value_b", pa.float64(), "of run B", nullable=True),
            Column("difference", pa.float64(), "value_a − value_b", nullable=True),
            Column("low", pa.float64(), "lower end of its 95% interval over texts", nullable=True),
            Column("high", pa.float64(), "upper end", nullable=True),
            Column(
                "p_value",
                pa.float64(),
                "two-sided, were it as likely that each pair stands the other way round",
                low=0,
                high=1,
                nullable=True,
            ),
            Column(
                "p_value_holm",
                pa.float64(),
                "the same, adjusted after Holm for all rows of this table",
                low=0,
                high=1,
                nullable=True,
            ),
            Column("n", pa.int64(), "number of texts with a value in both runs", low=0),
            Column("n_undefined", pa.int64(), "number of common texts without", low=0),
        ),
        derived=True,
    ),
)
"""Tables made from several runs; no run folder holds them."""


def build(
    name: str, columns: Mapping[str, Any], *, n_rows: int | None = None, unknown: Sequence[str] = ()
) -> pa.Table:
    """A table of the given name from its columns; a single value stands for a whole column.

    Args:
        name: one of `TABLES` or `ACROSS_RUNS`.
        columns: for each column a sequence, an Arrow array, or one value (a scalar or None) for all rows.
        n_rows: number of rows, needed when every column is given as one value.
        unknown: knowable columns of which nothing is known: null in every row.

    Raises:
        SchemaError: missing or unknown columns, or values that the schema does not allow.
    """
    table = _named(name)
    wanted = [column.name for column in table.columns]
    if missing := [c for c in wanted if c not in columns]:
        raise SchemaError(f"table `{name}` must have the columns {missing}")
    if strange := [c for c in columns if c not in wanted]:
        raise SchemaError(f"table `{name}` has no columns {strange}")
    lengths = {len(columns[c]) for c in wanted if _is_column(columns[c])} | (
        {n_rows} if n_rows is not None else set()
    )
    if len(lengths) != 1:
        raise SchemaError(f"columns of table `{name}` must be equally long, found lengths {sorted(lengths)}")
    n = lengths.pop()
    arrays = []
    for column in table.columns:
        values = columns[column.name]
        try:
            if _is_column(values):
                arrays.append(_array(values, column.type))
            else:
                arrays.append(pa.repeat(pa.scalar(values, column.type), n))
        except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError) as error:
            raise SchemaError(f"column `{name}.{column.name}` must be {column.type}: {error}") from error
    schema = table.schema
    for place in map(schema.get_field_index, unknown):
        schema = schema.set(place, schema.field(place).with_nullable(True))
    return check(name, pa.Table.from_arrays(arrays, schema=schema))


def check(name: str, table: pa.Table) -> pa.Table:
    """The same table, if every value is one that the schema allows.

    Raises:
        SchemaError: other columns or types, a null where none may be, NaN or infinity anywhere, a value out of
            range or not among the known ones.
    """
    wanted = _named(name).schema
    unknown = _unknown(name, table.schema)
    if not table.schema.equals(wanted) and not unknown:
        raise SchemaError(
            f"table `{name}` must have the schema\n{wanted.to_string(show_field_metadata=False)}\n"
            f"found\n{table.schema.to_string(show_field_metadata=False)}"
        )
    for column in _named(name).columns:
        values = table[column.name]
        place = f"column `{name}.{column.name}`"
        if column.name in unknown and values.null_count < len(values):
            raise SchemaError(f"{place} must be null in every row or in none")
        if values.null_count and not column.nullable and column.name not in unknown:
            raise SchemaError(f"{place} must not be null, found {values.null_count} nulls")
        _check_values(place, column, _flat(values))
    return table


def _unknown(name: str, schema: pa.Schema) -> list[str]:
    """The knowable columns that a table declares unknown, by being nullable; none where it differs in more."""
    wanted, found = _named(name).schema, []
    for column in _named(name).columns:
        if column.knowable and column.name in schema.names and schema.field(column.name).nullable:
            place = wanted.get_field_index(column.name)
            wanted = wanted.set(place, wanted.field(place).with_nullable(True))
            found.append(column.name)
    return found if schema.equals(wanted) else []


def _check_values(place: str, column: Column, values: pa.ChunkedArray) -> None:
    if pa.types.is_floating(values.type) and pc.any(pc.invert(pc.is_finite(values.drop_null()))).as_py():
        raise SchemaError(f"{place} must be finite, found NaN or infinity (what does not exist is null)")
    if column.values:
        found = set(pc.unique(values).to_pylist()) - set(column.values)
        if found:
            raise SchemaError(f"{place} must be one of {column.values}, found {sorted(found)}")
    if column.low is None and column.high is None:
        return
    bounds = pc.min_max(values).as_py()
    slack = 1e-6 if pa.types.is_floating(values.type) else 0
    if column.low is not None and bounds["min"] is not None and bounds["min"] < column.low - slack:
        raise SchemaError(f"{place} must be at least {column.low}, found {bounds['min']}")
    if column.high is not None and bounds["max"] is not None and bounds["max"] > column.high + slack:
        raise SchemaError(f"{place} must be at most {column.high}, found {bounds['max']}")


def _named(name: str) -> Table:
    return ACROSS_RUNS[name] if name in ACROSS_RUNS else TABLES[name]


def _flat(values: pa.ChunkedArray) -> pa.ChunkedArray:
    while pa.types.is_list(values.type):
        values = pc.list_flatten(values)
    return values


def _is_column(values: Any) -> bool:
    return isinstance(values, (Sequence, np.ndarray, pa.Array, pa.ChunkedArray)) and not isinstance(
        values, str
    )


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if isinstance(values, pa.Array):
        return values.cast(kind)
    if isinstance(values, list) and all(value is None for value in values):
        return pa.nulls(len(values), kind)
    if pa.types.is_list(kind) and pa.types.is_floating(kind.value_type):
        return _ragged(values, kind)
    return pa.array(values, kind)


def _ragged(rows: Sequence[np.ndarray | None], kind: pa.DataType) -> pa.Array:
    """Rows of numbers as one flat array and offsets: lists of Python floats would be many times slower."""
    lengths = [0 if row is None else len(row) for row in rows]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    present = [np.asarray(row, dtype=np.float64) for row in rows if row is not None]
    flat = pa.array(np.concatenate(present) if present else np.empty(0), kind.value_type)
    mask = pa.array([row is None for row in rows], pa.bool_()) if any(row is None for row in rows) else None
    return pa.ListArray.from_arrays(pa.array(offsets), flat, type=kind, mask=mask)


def _bound(value: float | None, unbounded: str) -> str:
    return unbounded if value is None else f"{value:g}"
