from attnaudit.report import sheets
from attnaudit.report.numbers import numbers
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


def test_without_a_bracket_there_is_no_table_of_its_width(tmp_path):
    found, groups = made(tmp_path, "classification")
    assert sheets.bracket(found, groups).rows == ()
    assert "bound" not in str(sheets.adversary(found, groups).rows)
