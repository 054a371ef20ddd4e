"""Distances between two runs, against scipy on whole tables; what stands in another order, is missing or other."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.spatial.distance import cityblock, jensenshannon

from attnaudit import store, tables
from attnaudit.between import between
from attnaudit.errors import DataError
from attnaudit.result import Result
from attnaudit.stats.draws import generator
from tests.unit.report.small_run import small_run

TEXTS = [[f"w{n}_{k}" for k in range(n % 7 + 1)] for n in range(30)]
"""Of one to seven words."""

STORED = ("instances", "importance", "scores")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Result, Result]:
    return (
        small_run(tmp_path, name="a", texts=TEXTS, counterfactuals=()),
        small_run(tmp_path, name="b", texts=TEXTS, counterfactuals=(), seed=1),
    )


def rewritten(
    run: Result,
    order: Sequence[int],
    *,
    size: int = 1000,
    change: Callable[[str, dict], dict] = lambda _, row: row,
    stored: Sequence[str] = STORED,
    **manifest: object,
) -> Result:
    """The same run with some of its instances, in another order, in parts of so many, each row changed."""
    ids = [run.tables["instances"]["instance_id"][k].as_py() for k in order]
    free = f"{run.folder.name}-{len(list(run.folder.parent.iterdir()))}"
    with store.draft(run.folder.parent, free) as draft:
        for name in stored:
            rows = run.tables[name].to_pylist()
            for number, start in enumerate(range(0, len(ids), size)):
                held = ids[start : start + size]
                some = [row for one in held for row in rows if row.get("instance_id", one) == one]
                if name == "scores":
                    some = rows if number == 0 else []
                some = [change(name, row) for row in some]
                draft.write(
                    name,
                    name,
                    number,
                    tables.check(name, pa.Table.from_pylist(some, run.tables[name].schema)),
                )
        draft.finish({**run.manifest, **manifest})
    return Result.open(run.folder.parent / free)


def attention(run: Result) -> dict[str, np.ndarray]:
    rows = [row for row in run.tables["importance"].to_pylist() if row["measure"] == "attention"]
    found = {row["instance_id"]: np.array(row["scores"], dtype=np.float64) for row in rows}
    return {one: weights / weights.sum() for one, weights in found.items()}


def test_distances_are_those_of_scipy(pair) -> None:
    a, b = pair
    found = between(a, b, draws=7, seed=3)
    assert found.ids.to_pylist() == a.tables["instances"]["instance_id"].to_pylist()
    assert (found.only_a, found.only_b, found.same_classes) == (0, 0, True)
    p, q = attention(a), attention(b)
    outputs = [run.tables["instances"]["output"].to_pylist() for run in pair]
    for row, one in enumerate(found.ids.to_pylist()):
        assert found.output_tvd[row] == pytest.approx(
            cityblock(outputs[0][row], outputs[1][row]) / 2, abs=1e-12
        )
        if len(p[one]) == 1:
            assert found.attention_status[row] == "too_short"
            assert np.isnan(found.attention_jsd[row])
            assert np.isnan(found.permuted_jsd[row])
            continue
        assert found.attention_status[row] == "ok"
        assert found.attention_jsd[row] == pytest.approx(jensenshannon(p[one], q[one]) ** 2, abs=1e-9)
        draw = generator(3, one, "between")
        drawn = draw.permuted(np.tile(q[one], (7, 1)), axis=1)
        expected = np.mean([jensenshannon(p[one], other) ** 2 for other in drawn])
        assert found.permuted_jsd[row] == pytest.approx(expected, abs=1e-9)
    said = [run.tables["instances"].to_pylist() for run in pair]
    assert found.correct_a.tolist() == [float(row["target"] == row["prediction"]) for row in said[0]]
    assert found.correct_b.tolist() == [float(row["target"] == row["prediction"]) for row in said[1]]
    assert found.same_prediction.tolist() == [
        float(x["prediction"] == y["prediction"]) for x, y in zip(*said, strict=True)
    ]
    assert found.same_target.all()


def test_chance_is_the_mean_over_all_permutations(tmp_path: Path) -> None:
    """Of three words 6 orders: many draws come near their mean, from either side."""
    from itertools import permutations

    a, b = (small_run(tmp_path, name=str(s), texts=[["x", "y", "z"]] * 3, seed=s) for s in (0, 1))
    many = between(a, b, draws=20_000)
    turned = between(b, a, draws=20_000)
    for row, (p, q) in enumerate(zip(attention(a).values(), attention(b).values(), strict=True)):
        every = np.mean([jensenshannon(p, np.array(order)) ** 2 for order in permutations(q)])
        assert many.permuted_jsd[row] == pytest.approx(every, abs=0.01)
        assert turned.permuted_jsd[row] == pytest.approx(every, abs=0.01)


def test_a_run_with_itself_is_nowhere_apart(pair) -> None:
    found = between(pair[0], pair[0])
    assert np.nanmax(found.attention_jsd) == 0
    assert (found.output_tvd == 0).all()
    assert (found.same_prediction == 1).all()
    assert np.nanmin(found.permuted_jsd) > 0


@pytest.mark.parametrize("size", [1000, 4])
def test_another_order_and_other_parts_change_nothing(pair, size: int) -> None:
    a, b = pair
    plain = between(a, b)
    order = np.random.default_rng(2).permutation(len(TEXTS)).tolist()
    found = between(a, rewritten(b, order, size=size))
    assert found.ids.equals(plain.ids)
    for name in ("attention_jsd", "permuted_jsd", "output_tvd", "same_prediction", "correct_b"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))
    assert found.row_b.tolist() == np.argsort(order).tolist()


def test_what_only_one_run_has_is_counted(pair) -> None:
    a, b = pair
    found = between(rewritten(a, range(20)), rewritten(b, range(5, 30), size=3))
    assert (len(found), found.only_a, found.only_b) == (15, 5, 10)
    assert found.row_a.tolist() == list(range(5, 20))
    assert found.row_b.tolist() == list(range(15))
    np.testing.assert_array_equal(found.attention_jsd, between(a, b).attention_jsd[5:20])


def test_classes_are_matched_by_name(pair) -> None:
    a, b = pair

    def turned(name: str, row: dict) -> dict:
        if name == "instances":
            row |= {
                "output": row["output"][::-1],
                "prediction": 1 - row["prediction"],
                "target": 1 - row["target"],
            }
        return row

    plain = between(a, b)
    found = between(a, rewritten(b, range(30), change=turned, classes=["positive", "negative"]))
    for name in ("output_tvd", "same_prediction", "same_target", "correct_b"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))


def test_other_classes_leave_the_attention(pair) -> None:
    a, b = pair
    found = between(a, rewritten(b, range(30), classes=["negative", "good"]))
    assert not found.same_classes
    assert np.isnan(found.output_tvd).all()
    assert 0 < found.same_target.mean() < 1
    np.testing.assert_array_equal(found.attention_jsd, between(a, b).attention_jsd)


def test_another_text_under_the_same_id_is_not_compared(pair) -> None:
    a, b = pair

    def changed(name: str, row: dict) -> dict:
        if name == "instances" and row["instance_id"].endswith(("3", "4")):
            row["text"] += "!"
        return row

    found = between(a, rewritten(b, range(30), change=changed))
    other = [one.endswith(("3", "4")) for one in found.ids.to_pylist()]
    assert (found.attention_status == "other_text").tolist() == other
    for name in ("attention_jsd", "output_tvd", "same_prediction"):
        assert np.isnan(getattr(found, name)[other]).all()
    assert not np.isnan(found.correct_b).any()


def test_other_tokens_keep_the_output(pair) -> None:
    """Cut at another character, though into as many tokens; or into one more."""
    a, b = pair

    def spans(shift: int) -> Callable[[str, dict], dict]:
        def changed(name: str, row: dict) -> dict:
            if name == "instances":
                marks = row["audited"]
                row["offsets"] = [
                    {"start": k, "end": k + 1 + shift} if mark else None for k, mark in enumerate(marks)
                ]
            return row

        return changed

    a2, b2 = rewritten(a, range(30), change=spans(0)), rewritten(b, range(30), change=spans(1))
    found = between(a2, b2)
    assert set(found.attention_status) == {"other_tokens"}
    assert np.isnan(found.attention_jsd).all()
    assert not np.isnan(found.output_tvd).any()
    as_many = between(a2, b)  # only one of the runs knows the places
    assert set(as_many.attention_status) == {"ok", "too_short"}


def test_attention_that_was_not_measured_or_is_undefined(pair, tmp_path: Path) -> None:
    without = small_run(tmp_path, name="c", texts=TEXTS, measures=("gradient_detached",))
    undefined = small_run(tmp_path, name="d", texts=TEXTS, defined=False, keep_text=False)
    for other in (without, undefined):
        found = between(pair[0], other)
        assert set(found.attention_status) == {"not_run"}
        assert not np.isnan(found.output_tvd).any()


def test_nothing_in_common_is_refused(pair, tmp_path: Path) -> None:
    other = small_run(tmp_path, name="other", corpus="elsewhere")
    with pytest.raises(DataError, match=r"no text is in both runs.*small/test/0000.*elsewhere/test/0000"):
        between(pair[0], other)
