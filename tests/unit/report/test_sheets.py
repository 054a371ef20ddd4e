from attnaudit.report import sheets
from attnaudit.report.numbers import Number, numbers
from tests.unit.report.small_run import FORMS, small_run


def made(tmp_path, form):
    run = small_run(tmp_path, evidence=True, **FORMS[form])
    found = numbers(run.tables["summary"])
    return found, run.groups


def test_tables_of_all_texts_have_no_column_of_classes(tmp_path):
    found, groups = made(tmp_path, "many_answers")
    for sheet in (sheets.agreement, sheets.permutation, sheets.adversary, sheets.bracket, sheets.evidence):
        table = sheet(found, groups)
        assert "by predicted class" not in table.caption
        assert all(len(row) == len(table.head) for row in table.rows)
        assert table.rows
    assert sheets.agreement(found, groups).head[:2] == ("pair", "mean τ")
    assert sheets.agreement(found, groups).n_headers == 1


def test_tables_by_class_name_the_classes(tmp_path):
    found, groups = made(tmp_path, "three_classes")
    for sheet in (sheets.agreement, sheets.permutation, sheets.adversary, sheets.bracket, sheets.evidence):
        table = sheet(found, groups)
        assert table.caption.endswith(", by predicted class")
        assert all(len(row) == len(table.head) for row in table.rows)
    classes = [row[1] for row in sheets.agreement(found, groups).rows[:4]]
    assert classes == ["all texts", "entailment", "contradiction", "neutral"]


def test_a_bracket_has_a_row_for_either_bound(tmp_path):
    found, groups = made(tmp_path, "many_answers")
    epsilons = {"adversarial_bracket": 0.05, "adversarial_paper": 0.05, "adversarial_search": 0.01}
    rows = {row[0].replace("\u00a0", " "): row for row in sheets.adversary(found, groups, epsilons).rows}
    lower, upper = rows["bracket, lower bound (ε = 0.05)"], rows["bracket, upper bound (ε = 0.05)"]
    assert float(lower[1]) < float(upper[1])
    assert {"search (ε = 0.01)", "search as published (ε = 0.05)"} <= set(rows)
    assert "bracket above search as published" in rows
    assert "bracket above search" not in rows  # another ε


def test_same_weights_have_a_table_of_their_own(tmp_path):
    run = small_run(tmp_path, counterfactuals=("adversarial_exact", "same_weights"))
    found = numbers(run.tables["summary"])
    sheet = sheets.same_weights(found, run.groups, 0.01)
    assert [row[0] for row in sheet.rows] == ["all texts", "negative", "positive"]
    assert all(len(row) == len(sheet.head) for row in sheet.rows)
    assert all(float(row[1]) <= float(row[3]) for row in sheet.rows)
    assert "same weights" not in str(sheets.adversary(found, run.groups).rows)
    assert (
        sheets.same_weights(numbers(small_run(tmp_path, name="other").tables["summary"]), run.groups).rows
        == ()
    )


def test_dispersions_have_a_table_where_the_variance_is_stored(tmp_path):
    run = small_run(tmp_path, counterfactuals=("permuted", "permuted_moments"))
    found = numbers(run.tables["summary"])
    sheet = sheets.dispersion(found, run.groups)
    assert len(sheet.rows) == 9
    assert all(len(row) == len(sheet.head) for row in sheet.rows)
    plain = sheets.permutation(found, run.groups)
    assert "dispersion" not in str(plain.rows)
    assert (
        sheets.dispersion(numbers(small_run(tmp_path, name="other").tables["summary"]), run.groups).rows == ()
    )


def test_without_a_bracket_there_is_no_table_of_its_width(tmp_path):
    found, groups = made(tmp_path, "classification")
    assert sheets.bracket(found, groups).rows == ()
    assert "bound" not in str(sheets.adversary(found, groups).rows)


def test_the_ways_to_take_words_away_stand_side_by_side():
    found = {
        ("erasure", f"{ordering}, {operator}", "overall", "mean_decision_flip"): Number(0.5, 0.4, 0.6, n, 7)
        for operator, n in (("renormalise", 93), ("delete", 23))
        for ordering in ("attention", "random")
    }
    sheet = sheets.removal(found, ["overall"])
    assert [(row[0], row[1], *row[-2:]) for row in sheet.rows] == [
        ("attention", "lose attention, renormalised", "93", "7"),
        ("attention", "deleted, encoded anew", "23", "7"),
        ("random", "lose attention, renormalised", "93", "7"),
        ("random", "deleted, encoded anew", "23", "7"),
    ]
    assert [len(block) for block in sheet.blocks] == [2, 2]
