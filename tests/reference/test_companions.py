"""Rows of other trainings against scipy and plain loops over the stored tables of both runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
from scipy.spatial.distance import cityblock, jensenshannon

from attnaudit.companions import compared, hidden_mass
from attnaudit.errors import DataError
from attnaudit.named import AUDITED
from attnaudit.result import Result
from attnaudit.run import audit
from tests import gathering


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def base(store: Path) -> Result:
    return audit(gathering.spec(), store=store)


@pytest.fixture(scope="module")
def other(store: Path) -> Result:
    train = {"epochs": 2, "learning_rate": 0.02, "seed": 1}
    return audit(gathering.spec(train=train, counterfactuals=[]), store=store)


def weights(run: Result) -> dict[str, np.ndarray]:
    rows = run.tables["importance"].filter(pc.field("measure") == "attention").to_pylist()
    return {row["instance_id"]: np.array(row["scores"], dtype=np.float64) for row in rows}


def test_distances_are_those_of_the_stored_tables(base: Result, other: Result) -> None:
    found = [row for part in compared(base, other, "seeds", "seed 1") for row in part.to_pylist()]
    assert {(row["kind"], row["subject"]) for row in found} == {("seeds", "seed 1")}
    by = {(row["instance_id"], row["quantity"]): row for row in found}
    mine, its = weights(base), weights(other)
    a, b = ({row["instance_id"]: row for row in r.tables["instances"].to_pylist()} for r in (base, other))
    assert len(by) == len(found) == 4 * len(a)
    for one in a:
        expected = jensenshannon(mine[one], its[one]) ** 2
        assert by[one, "attention_jsd"]["value"] == pytest.approx(expected, abs=1e-9)
        moved = cityblock(a[one]["output"], b[one]["output"]) / 2
        assert by[one, "output_tvd"]["value"] == pytest.approx(moved, abs=1e-9)
        assert by[one, "prediction"]["value"] == b[one]["prediction"]
        draw = np.random.default_rng(0)
        chance = [jensenshannon(mine[one], draw.permutation(its[one])) ** 2 for _ in range(400)]
        assert by[one, "permuted_jsd"]["value"] == pytest.approx(
            np.mean(chance), abs=5 * np.std(chance) / np.sqrt(20) + 1e-9
        )


def test_training_from_another_seed_reads_the_same_data(base: Result, other: Result) -> None:
    for name in ("text", "target", "tokens"):
        assert base.tables["instances"][name].equals(other.tables["instances"][name])
    assert base.manifest["data"] == other.manifest["data"]
    assert any(not np.allclose(w, weights(other)[one]) for one, w in weights(base).items())


@pytest.mark.parametrize("words", [(), ("THE", "a"), ("nowhere",)])
def test_hidden_mass_is_a_sum_over_the_words(base: Result, words: tuple[str, ...]) -> None:
    found = [row for part in hidden_mass(base, words, AUDITED) for row in part.to_pylist()]
    own = weights(base)
    instances = base.tables["instances"].to_pylist()
    assert [row["instance_id"] for row in found] == [row["instance_id"] for row in instances]
    for row, instance in zip(found, instances, strict=True):
        tokens = [t for t, there in zip(instance["tokens"], instance["audited"], strict=True) if there]
        total, hidden = 0.0, None
        for place, token in enumerate(tokens):
            weight = own[instance["instance_id"]][place]
            total += weight
            marked = any(annotator[place] for annotator in instance["evidence"])
            if token.lower() in [w.lower() for w in words] if words else marked:
                hidden = (hidden or 0.0) + weight
        if hidden is None:
            assert (row["value"], row["status"]) == (None, "not_applicable")
        else:
            assert row["value"] == pytest.approx(hidden / total)
            assert row["status"] == "ok"


@pytest.mark.parametrize("encoder", ["average", "bilstm"])
def test_borrowed_attention_is_the_stored_one_of_the_base_run(
    base: Result, store: Path, encoder: str
) -> None:
    model = {"embedding": 8, "hidden": 8, "encoder": encoder, "guide": str(base.folder)}
    guided = audit(gathering.spec(model=model, counterfactuals=[]), store=store)
    mine, its = weights(base), weights(guided)
    assert mine.keys() == its.keys()
    for one in mine:
        np.testing.assert_allclose(its[one], mine[one], atol=2e-6)
    distance = [
        row["value"]
        for part in compared(base, guided, "guide", "base, seed 0")
        for row in part.to_pylist()
        if row["quantity"] == "attention_jsd"
    ]
    assert max(distance) < 1e-9


def test_a_run_of_fewer_texts_says_nothing_of_all(base: Result, store: Path) -> None:
    few = audit(gathering.spec(limit=7, counterfactuals=[]), store=store)
    with pytest.raises(DataError, match=r"23 texts of .* are missing in it"):
        list(compared(base, few, "seeds", "seed 1"))
