"""The schema of the tables: what it takes and what it refuses."""

import numpy as np
import pyarrow as pa
import pytest

from attnaudit import tables
from attnaudit.errors import SchemaError

GOOD = {
    "instance_id": ["a", "b"],
    "step": 0,
    "measure": "m",
    "scores": [np.array([0.5, 2.0]), None],
    "objective": "p",
    "status": ["ok", "too_short"],
}


def test_one_value_stands_for_a_column_and_null_is_kept() -> None:
    table = tables.build("importance", GOOD)
    assert table["measure"].to_pylist() == ["m", "m"]
    assert table["scores"].to_pylist() == [[0.5, 2.0], None]
    assert table.schema.field("scores").metadata[b"range"] == b"0..inf"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": [np.array([np.nan]), None]}, "must be finite"),
        ({"scores": [np.array([np.inf]), None]}, "must be finite"),
        ({"scores": [np.array([-1.0]), None]}, "at least 0"),
        ({"status": "fine"}, "must be one of"),
        ({"measure": ["m", None]}, "must not be null"),
        ({"step": "first"}, "must be int32"),
        ({"measure": ["m"]}, "equally long"),
        ({"colour": "red"}, "has no columns"),
    ],
)
def test_what_is_refused(change: dict, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        tables.build("importance", GOOD | change)


def test_missing_column_and_foreign_schema() -> None:
    with pytest.raises(SchemaError, match="must have the columns"):
        tables.build("importance", {"step": [1]})
    with pytest.raises(SchemaError, match="must have the schema"):
        tables.check("importance", pa.table({"instance_id": ["a"]}))


def test_empty_tables_are_allowed() -> None:
    assert tables.build("agreement", {c.name: [] for c in tables.TABLES["agreement"].columns}).num_rows == 0


def test_every_column_says_what_it_means_and_keys_are_columns() -> None:
    for table in tables.TABLES.values():
        names = [column.name for column in table.columns]
        assert set(table.key) <= set(names)
        assert len(set(names)) == len(names)
        assert all(column.meaning for column in table.columns)
