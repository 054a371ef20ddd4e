import pyarrow.compute as pc

from attnaudit.report.examples import LONGEST, SHOWN, examples
from tests.unit.report.small_run import FORMS, small_run


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


def test_what_is_read_beside_the_text_is_shown(tmp_path):
    run = small_run(tmp_path, n=2, field="hypothesis", queries=["A man sleeps .", "x" * 2000])
    shown = {one.instance_id: one.beside for one in examples(run).furthest}
    assert shown["small/test/0000"] == ("Hypothesis", "A man sleeps .")
    label, text = shown["small/test/0001"]
    assert label == "Hypothesis"
    assert text == "x" * LONGEST + " …"
    assert examples(small_run(tmp_path / "none", n=1)).furthest[0].beside is None


def test_a_withheld_question_is_withheld(tmp_path):
    one = examples(small_run(tmp_path, n=1, field="extra", keep_text=False)).furthest[0]
    assert one.beside == ("Read beside it", "withheld")


def test_of_a_bracket_the_upper_bound_stands_beside(tmp_path):
    run = small_run(tmp_path, **FORMS["many_answers"])
    found = examples(run)
    assert found.kind == "adversarial_bracket"
    jsd = [dict(one.facts)["JSD"] for one in found.furthest + found.nearest]
    assert any("(at most 0." in text for text in jsd)
    assert any("at most" not in text for text in jsd)  # where the bounds meet
