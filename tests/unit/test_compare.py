"""Two runs side by side: every difference by hand, what is counted and said, and how it looks."""

import json

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import kendalltau

from attnaudit import tables
from attnaudit.compare import compare, sentence, verdict
from attnaudit.compare_document import markdown, plain
from attnaudit.errors import DataError
from attnaudit.stats.multiple import holm
from attnaudit.terminal_compare import show_comparison
from tests.reference.test_between import rewritten
from tests.unit.report.small_run import FORMS, small_run

TEXTS = [[f"w{n}_{k}" for k in range(n % 5 + 2)] for n in range(64)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    return tuple(small_run(folder, name=f"{s}", texts=TEXTS, evidence=True, seed=s) for s in (0, 1))


@pytest.fixture(scope="module")
def found(pair):
    return compare(*pair)


def rows_of(comparison) -> dict:
    keys = ("experiment", "subject", "group", "statistic")
    return {tuple(row[key] for key in keys): row for row in comparison.table.to_pylist()}


def test_each_number_is_that_of_its_run_and_the_difference_is_theirs(pair, found) -> None:
    rows = rows_of(found)
    said = [run.tables["instances"].to_pylist() for run in pair]
    gold = np.array([row["target"] for row in said[0]])
    right = [np.array([row["target"] == row["prediction"] for row in one]) for one in said]
    for group, members in (
        ("overall", gold >= 0),
        ("class negative", gold == 0),
        ("class positive", gold == 1),
    ):
        row = rows["quality", "base", group, "accuracy"]
        assert row["value_a"] == pytest.approx(right[0][members].mean())
        assert row["difference"] == pytest.approx(right[0][members].mean() - right[1][members].mean())
        assert (row["n"], row["n_undefined"]) == (members.sum(), 0)
        assert row["low"] <= row["difference"] <= row["high"]
    taus, medians = [], []
    for run in pair:
        scores = {(r["instance_id"], r["measure"]): r["scores"] for r in run.tables["importance"].to_pylist()}
        ids = [row["instance_id"] for row in said[0]]
        taus.append([kendalltau(scores[i, "attention"], scores[i, "leave_one_out"]).statistic for i in ids])
        tvds = run.tables["counterfactual"].to_pylist()
        of = {
            i: [r["output_tvd"] for r in tvds if (r["instance_id"], r["kind"]) == (i, "permuted")]
            for i in ids
        }
        medians.append([np.median(of[i]) for i in ids])
    row = rows["agreement", "attention ~ leave_one_out", "overall", "mean"]
    assert row["difference"] == pytest.approx(np.mean(taus[0]) - np.mean(taus[1]))
    row = rows["permutation", "permuted", "overall", "median_tvd"]
    assert row["difference"] == pytest.approx(np.median(medians[0]) - np.median(medians[1]))
    row = rows["permutation", "permuted", "overall", "mean_tvd"]
    assert row["difference"] == pytest.approx(np.mean(medians[0]) - np.mean(medians[1]))


def test_values_over_all_texts_are_those_of_the_summaries(pair, found) -> None:
    summaries = [
        {(r["experiment"], r["subject"], r["statistic"]): r["value"]
         for r in run.tables["summary"].to_pylist() if r["group"] == "overall"}
        for run in pair
    ]  # fmt: skip
    compared = 0
    for (experiment, subject, group, statistic), row in rows_of(found).items():
        key = (experiment, subject, statistic)
        if group == "overall" and experiment != "quality" and key in summaries[0]:
            compared += 1
            assert [row["value_a"], row["value_b"]] == pytest.approx([one[key] for one in summaries])
    assert compared >= 13
    assert ("agreement", "attention ~ leave_one_out", "overall", "share_of_ceiling") in rows_of(found)


def test_p_values_are_adjusted_over_all_rows(found) -> None:
    rows = found.table.to_pylist()
    raw = np.array([row["p_value"] for row in rows], dtype=float)
    assert [row["p_value_holm"] for row in rows] == pytest.approx(holm(raw).tolist())
    tables.check("comparison", found.table)


def test_a_run_with_itself_shows_no_difference_and_nothing_undefined(pair) -> None:
    found = compare(pair[0], pair[0])
    for row in found.table.to_pylist():
        assert (row["difference"], row["low"], row["high"], row["p_value"], row["p_value_holm"]) == (
            0,
            0,
            0,
            1,
            1,
        )
        assert row["n_undefined"] == 0
        assert verdict(row) == "no difference found"
    assert found.settings == ()
    assert not any(pair.differ for pair in found.answers)
    assert "A and B are the same run." in found.notes
    assert "NaN" not in json.dumps(plain(found), allow_nan=False)


def test_a_known_difference_is_found_in_its_direction(pair) -> None:
    def worse(name: str, row: dict) -> dict:
        if name == "instances":
            row["prediction"] = 1 - row["target"]
        return row

    rows = rows_of(compare(pair[0], rewritten(pair[1], range(64), change=worse)))
    row = rows["quality", "base", "overall", "accuracy"]
    assert verdict(row) == "A higher"
    assert sentence(row).startswith(f"A − B = {row['difference']:+.3f} (95% interval +0.")
    assert (
        "permutation",
        "permuted",
        "overall",
        "mean_tvd",
    ) not in rows  # the second run has no counterfactuals


def test_what_only_one_run_asked_is_said_and_not_compared(pair, tmp_path) -> None:
    other = small_run(
        tmp_path, name="o", texts=TEXTS, measures=("attention", "gradient_full"), counterfactuals=()
    )
    found = compare(pair[0], other)
    assert {row["experiment"] for row in found.table.to_pylist()} == {"quality"}
    said = "\n".join(found.notes)
    assert "gradient (detached), leave-one-out, adversary (exact), adversary (search), permuted" in said
    assert "Only in B, so not compared: gradient (full)." in said


def test_adversaries_with_another_bound_are_not_compared(pair, tmp_path) -> None:
    def looser(name: str, row: dict) -> dict:
        if name == "counterfactual" and row["kind"] == "adversarial_exact":
            row["epsilon"] = 0.05
        return row

    stored = ("instances", "importance", "counterfactual", "scores")
    other = rewritten(pair[1], range(64), change=looser, stored=stored)
    found = compare(pair[0], other)
    assert {key[1] for key in rows_of(found) if key[0] == "adversary"} == {"adversarial_search"}
    assert any("another ε (0.01 and 0.05)" in note for note in found.notes)


def test_undefined_values_are_counted_and_not_averaged(pair, tmp_path) -> None:
    other = small_run(tmp_path, name="o", texts=TEXTS, defined=False)
    found = compare(pair[0], other)
    row = rows_of(found)["permutation", "permuted", "overall", "mean_tvd"]
    assert (row["difference"], row["p_value"], row["p_value_holm"], row["n"], row["n_undefined"]) == (
        None, None, None, 0, 64,
    )  # fmt: skip
    assert verdict(row) == "undefined"
    assert sentence(row).startswith("Undefined")
    markdown(found)


def test_other_texts_and_other_gold_classes_are_left_out_and_said(pair) -> None:
    def changed(name: str, row: dict) -> dict:
        if name == "instances" and row["instance_id"].endswith("3"):
            row["text"] += "!"
        if name == "instances" and row["instance_id"].endswith("4"):
            row["target"] = 1 - row["target"]
        return row

    found = compare(pair[0], rewritten(pair[1], range(60), change=changed))
    row = rows_of(found)["quality", "base", "overall", "accuracy"]
    assert (row["n"], row["n_undefined"]) == (48, 6)
    said = "\n".join(found.notes)
    for part in (
        "60 texts are in both runs; 4 are only in A and 0 only in B",
        "6 of 60 texts stand for another text",
        "6 of 60 texts have another gold class",
    ):
        assert part in said


def test_few_texts_get_no_verdict(tmp_path) -> None:
    a, b = (small_run(tmp_path, name=f"{s}", texts=TEXTS[:12], seed=s) for s in (0, 1))
    row = rows_of(compare(a, b))["quality", "base", "overall", "accuracy"]
    assert verdict(row) == "too few texts"
    assert "only 12 texts" in sentence(row)


def test_settings_that_differ_are_listed_and_seeds_are_told_apart(pair) -> None:
    spec = {**pair[1].manifest["spec"], "seed": 7}
    found = compare(pair[0], rewritten(pair[1], range(64), spec=spec, run_id="other"))
    assert found.settings == (("seed", "0", "7"),)
    assert any("differ only in their seed" in note for note in found.notes)
    assert not any("trained models differ" in note for note in found.notes)


def test_words_of_a_difference() -> None:
    row = {"difference": 0.02, "low": 0.01, "high": 0.03, "n": 100, "p_value_holm": 0.01}
    assert verdict(row) == "A higher"
    assert verdict(row | {"difference": -0.02, "low": -0.03, "high": -0.01}) == "B higher"
    assert "leave out 0 by chance" in sentence(row | {"p_value_holm": 0.2})
    assert "not ruled out" in sentence(row | {"low": -0.01})
    assert sentence(row | {"difference": -1e-9, "low": -0.01}).startswith(
        "A − B = +0.000 (95% interval -0.010 "
    )


def test_runs_of_other_corpora_are_refused(pair, tmp_path) -> None:
    with pytest.raises(DataError, match="no text is in both runs"):
        compare(pair[0], small_run(tmp_path, corpus="elsewhere"))


@pytest.mark.parametrize("form", list(FORMS))
def test_every_line_fits_and_no_number_is_cut(tmp_path, capsys, form) -> None:
    a, b = (small_run(tmp_path, name=f"{s}", texts=TEXTS, seed=s, **FORMS[form]) for s in (0, 1))
    found = compare(a, b)
    for width in (72, 80, 119, 120, 132, 200):
        show_comparison(found, width=width)
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= width
        for line in lines:
            if line.startswith("│"):
                assert line.rstrip().endswith("│"), line
                assert "…" not in line, line


def test_names_from_the_corpus_are_no_markup(tmp_path, capsys) -> None:
    named = {"classes": ("<b>|", "[red]x[/]\x1b[31m"), "corpus": "<i>"}
    a, b = (small_run(tmp_path, name=f"{s}", texts=TEXTS, seed=s, **named) for s in (0, 1))
    found = compare(a, b)
    show_comparison(found, width=160)
    out = capsys.readouterr().out
    assert "class [red]x[/]" in out
    assert "\x1b" not in out
    page = markdown(found)
    assert r"class \<b\>\|" in page
    assert r"texts of \<i\>" in page


def test_both_answers_are_shown_where_they_differ(pair) -> None:
    def still(name: str, row: dict) -> dict:
        if name == "counterfactual" and row["kind"] == "permuted":
            row["output_tvd"] = 0.0
        return row

    stored = ("instances", "importance", "counterfactual", "scores")
    found = compare(pair[0], rewritten(pair[1], range(64), change=still, stored=stored))
    (other,) = [one for one in plain(found)["card"] if one["differ"]]
    assert other["question"] == "exclusiveness"
    assert (other["a"]["verdict"], other["b"]["verdict"]) == ("supported", "not supported")
    page = markdown(found)
    assert "- A, supported: Giving the weights" in page
    assert "- B, not supported: Giving the weights" in page
    assert isinstance(found.table, pa.Table)
