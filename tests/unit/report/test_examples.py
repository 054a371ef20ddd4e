import pyarrow.compute as pc

from attnaudit.report.examples import SHOWN, examples
from tests.unit.report.small_run import small_run


def distances(run, kind="adversarial_exact"):
    rows = run.tables["counterfactual"].filter(pc.field("kind") == kind).to_pylist()
    return {row["instance_id"]: row["attention_jsd"] for row in rows}


def test_examples_are_the_furthest_and_the_nearest_ties_by_id(tmp_path):
    run = small_run(tmp_path)
    found = examples(run)
    jsd = distances(run)
    by_distance = sorted(jsd, key=lambda name: (-jsd[name], name))
    assert [one.instance_id for one in found.furthest] == by_distance[:SHOWN]
    nearest = sorted(by_distance[SHOWN:], key=lambda name: (jsd[name], name))
    assert [one.instance_id for one in found.nearest] == nearest[:SHOWN]


def test_no_text_stands_at_both_ends(tmp_path):
    found = examples(small_run(tmp_path, n=7))
    names = [one.instance_id for one in found.furthest + found.nearest]
    assert len(names) == len(set(names)) == 7


def test_one_text_alone(tmp_path):
    found = examples(small_run(tmp_path, n=1))
    assert len(found.furthest) == 1
    assert found.nearest == ()


def test_both_attentions_stand_side_by_side_with_the_facts(tmp_path):
    one = examples(small_run(tmp_path)).furthest[0]
    assert "model’s attention" in one.observed
    assert "Another attention" in one.other
    assert {"predicted", "gold", "JSD", "output TVD", "largest weight"} <= {name for name, _ in one.facts}
    assert "start" not in one.observed  # markers are not audited


def test_without_an_adversary_there_are_none(tmp_path):
    found = examples(small_run(tmp_path, counterfactuals=("permuted",)))
    assert not found
    assert found.kind is None
    assert not examples(small_run(tmp_path / "undefined", defined=False))


def test_withheld_texts_stay_withheld(tmp_path):
    found = examples(small_run(tmp_path, texts=[["secret", "words", "here"]] * 12, keep_text=False))
    for one in found.furthest + found.nearest:
        assert "secret" not in one.observed + one.other
        assert "<bdi>2</bdi>" in one.observed


def test_without_attention_only_the_other_is_shown(tmp_path):
    one = examples(small_run(tmp_path, measures=("gradient_detached",))).furthest[0]
    assert one.observed is None
    assert one.other is not None
