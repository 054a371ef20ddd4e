"""By chunks or whole: the same numbers, which plain Python counts here once more."""

import statistics
import tracemalloc
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from attnaudit import store, tables
from attnaudit.agreement import agreement, plausibility
from attnaudit.drawing import FIGURES
from attnaudit.errors import StoreError
from attnaudit.per_instance import per_instance
from attnaudit.report.page import page
from attnaudit.result import Result
from attnaudit.stats import inference
from attnaudit.summary import summarise, summary
from tests.unit.report.small_run import FORMS, small_run

STRANGE = (
    {**FORMS["classification"], "evidence": True},
    FORMS["three_classes"],
    FORMS["many_answers"],
    {"defined": False},
    {"measures": ("gradient_detached",), "counterfactuals": ()},
)


def in_parts(run, folder, size):
    """The same run with parts of `size` instances."""
    ids = run.tables["instances"]["instance_id"].to_pylist()
    with store.draft(folder, "parts") as draft:
        for name in ("scores", "training"):
            draft.write(name, name, 0, run.tables[name])
        for number, start in enumerate(range(0, len(ids), size)):
            held = pa.array(ids[start : start + size])
            for name, stage in (("instances", None), ("importance", "measure"), ("counterfactual", "kind")):
                rows = run.tables[name]
                rows = rows.filter(pc.is_in(rows["instance_id"], held))
                for part in pc.unique(run.tables[name][stage]).to_pylist() if stage else [name]:
                    some = rows.filter(pc.field(stage) == part) if stage else rows
                    draft.write(name, part, number, some)
        draft.finish(dict(run.manifest))
    return Result.open(folder / "parts")


@pytest.mark.parametrize("form", STRANGE)
def test_parts_change_nothing(tmp_path, form):
    whole = small_run(tmp_path, **form)
    parts = in_parts(whole, tmp_path, 5)
    assert len(list(parts.tables.chunks())) == 5
    assert parts.tables["summary"].equals(whole.tables["summary"])
    assert summarise(whole.tables, whole.classes).equals(whole.tables["summary"])
    for figure in FIGURES.values():
        assert figure.data(parts).equals(figure.data(whole))
    assert page(parts) == page(whole)


def test_each_number_is_that_of_plain_python(tmp_path):
    run = in_parts(small_run(tmp_path, evidence=True), tmp_path, 7)
    numbers = run.per_instance
    instances = run.tables["instances"].to_pylist()
    ids = [row["instance_id"] for row in instances]
    assert numbers.ids.to_pylist() == ids
    assert numbers.target.tolist() == [row["target"] for row in instances]
    assert numbers.prediction.tolist() == [row["prediction"] for row in instances]
    draws = defaultdict(list)
    for row in run.tables["counterfactual"].to_pylist():
        draws[row["kind"], row["instance_id"]].append(row)
    for kind in ("permuted", "uniform", "adversarial_exact"):
        of = [draws[kind, one] for one in ids]
        tvd = [statistics.median(row["output_tvd"] for row in rows) for rows in of]
        flipped = [sum(row["flipped"] for row in rows) / len(rows) for rows in of]
        assert numbers.counterfactual(kind, "output_tvd").tolist() == tvd
        assert numbers.counterfactual(kind, "flipped").tolist() == flipped
    largest = {
        row["instance_id"]: max(row["scores"])
        for row in run.tables["importance"].to_pylist()
        if row["measure"] == "attention"
    }
    assert numbers.largest_attention.tolist() == [largest[one] for one in ids]
    tau = {
        (row["measure_a"], row["measure_b"], row["instance_id"]): row["value"]
        for row in run.tables["agreement"].to_pylist()
    }
    for (a, b), values in numbers.tau.items():
        assert values.tolist() == [tau[a, b, one] for one in ids]
    found = {
        (row["measure"], row["metric"], row["instance_id"]): row["value"]
        for row in run.tables["plausibility"].to_pylist()
    }
    for key, values in numbers.plausibility.items():
        assert values.tolist() == [found[*key, one] for one in ids]


def counterfactual(kind, draws):
    """One row a draw; `draws` by instance, None for a draw that is undefined."""
    rows = [(name, number, value) for name, values in draws for number, value in enumerate(values)]
    columns = dict.fromkeys(("epsilon", "certified_upper_jsd", "logit_mean", "logit_variance", "weights"))
    return tables.build(
        "counterfactual",
        columns
        | {
            "instance_id": [name for name, _, _ in rows],
            "site": "pool",
            "scope": "site",
            "kind": kind,
            "draw": [number for _, number, _ in rows],
            "output_tvd": [value for _, _, value in rows],
            "flipped": [None if value is None else value > 0.5 for _, _, value in rows],
            "attention_jsd": [value for _, _, value in rows],
            "status": ["too_short" if value is None else "ok" for _, _, value in rows],
        },
    )


def chunk(first, size, draws):
    """Made-up rows of so many instances, tokens and draws at random."""
    rng = np.random.default_rng(first)
    ids = [f"made/test/{first + i:06d}" for i in range(size)]
    lengths = rng.integers(4, 9, size)
    found = {
        "instances": tables.build(
            "instances",
            dict.fromkeys(("text", "query", "tokens"))
            | {
                "instance_id": ids,
                "split": "test",
                "offsets": [[]] * size,
                "audited": [[True] * n for n in lengths],
                "evidence": [[[i < 2 for i in range(n)]] for n in lengths],
                "target": rng.integers(0, 2, size),
                "prediction": rng.integers(0, 2, size),
                "output": [[0.5, 0.5]] * size,
                "n_audited": lengths,
            },
        ),
        "importance": pa.concat_tables(
            tables.build(
                "importance",
                {
                    "instance_id": ids,
                    "step": 0,
                    "measure": measure,
                    "scores": [rng.dirichlet(np.ones(n)) for n in lengths],
                    "objective": "p",
                    "status": "ok",
                },
            )
            for measure in ("attention", "gradient_detached", "leave_one_out")
        ),
        "counterfactual": pa.concat_tables(
            counterfactual(kind, [(name, 0.6 * rng.random(n)) for name in ids])
            for kind, n in (("permuted", draws), ("uniform", 1), ("adversarial_exact", 1))
        ),
    }
    found["agreement"] = agreement(found["importance"])
    found["plausibility"] = plausibility(found["instances"], found["importance"])
    return found


def test_instances_may_have_other_numbers_of_draws_in_any_order():
    draws = [("i2", [0.2, 0.4]), ("i0", [0.1]), ("i1", [None]), ("i3", [0.1, None, 0.3, 0.6])]
    given = chunk(0, 4, 1)
    names = pa.array(["i0", "i1", "i2", "i3"])
    given = {
        "instances": given["instances"].set_column(0, given["instances"].schema.field(0), names),
        "counterfactual": counterfactual("permuted", draws),
        **{name: given[name].slice(0, 0) for name in ("importance", "agreement", "plausibility")},
    }
    numbers = per_instance([given], 4)
    np.testing.assert_allclose(numbers.counterfactual("permuted", "output_tvd"), [0.1, np.nan, 0.3, 0.3])
    np.testing.assert_allclose(numbers.counterfactual("permuted", "flipped"), [0, np.nan, 0, 1 / 3])
    assert numbers.counterfactual_statuses["permuted"] == {"ok": 3, "too_short": 1}
    assert np.isnan(numbers.counterfactual("permuted", "certified_upper_jsd")).all()
    assert np.isnan(numbers.largest_attention).all()


def test_a_row_in_a_wrong_part_is_refused():
    first, second = chunk(0, 3, 1), chunk(3, 3, 1)
    with pytest.raises(StoreError, match="another part"):
        per_instance([first | {"counterfactual": second["counterfactual"]}], 3)


def test_memory_grows_by_a_few_hundred_bytes_a_text(monkeypatch):
    """Python's and numpy's memory by their peak, Arrow's by what is held when the next chunk is asked for."""
    pool, scores = pa.default_memory_pool(), tables.TABLES["scores"].schema.empty_table()
    given = chunk(0, 200, 20)
    monkeypatch.setattr(inference, "RESAMPLES", 20)  # many more take no more memory, only time

    def held(n):
        arrow = []

        def chunks():
            before = pool.bytes_allocated()
            for _ in range(0, n, 200):
                arrow.append(pool.bytes_allocated() - before)
                yield given

        tracemalloc.start()
        summary(per_instance(chunks(), n), scores, ("no", "yes"))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak + max(arrow)

    few, more = held(2_000), held(20_000)
    assert (more - few) / 18_000 < 600
