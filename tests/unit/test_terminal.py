"""What `show` prints: it fits its terminal, says what exists and is safe whatever the corpus holds."""

import pytest

from attnaudit.terminal import show
from tests.unit.report.small_run import FORMS, small_run


def lines_of(result, width, capsys):
    show(result, width=width)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("width", [72, 80, 85, 86, 110, 132, 160])
@pytest.mark.parametrize("form", list(FORMS))
def test_every_line_fits_and_no_border_is_cut(tmp_path, capsys, form, width):
    lines = lines_of(small_run(tmp_path, evidence=True, **FORMS[form]), width, capsys)
    assert max(map(len, lines)) <= width
    for line in lines:
        if line.startswith("│"):
            assert line.rstrip().endswith("│"), line
            assert "…" not in line


@pytest.mark.parametrize(
    ("form", "quality"),
    [
        ("classification", "model: accuracy 0.800, ROC-AUC 0.900, F1 0.700"),
        ("three_classes", "model: accuracy 0.800, F1 (macro) 0.750"),
        ("many_answers", "model: accuracy 0.800, F1 (macro) 0.750"),
    ],
)
def test_only_scores_that_exist_are_said(tmp_path, capsys, form, quality):
    assert quality in lines_of(small_run(tmp_path, **FORMS[form]), 132, capsys)


def test_a_bracket_is_shown_with_both_bounds(tmp_path, capsys):
    text = "\n".join(lines_of(small_run(tmp_path, **FORMS["many_answers"]), 200, capsys))
    for part in (
        "JSD, mean (lower bound)",
        "JSD, mean (upper bound)",
        "bounds within 1%",
        "lower bound ≥ 0.4",
    ):
        assert part in text
    assert "search as published" in text
    assert "bracket above search as published" in text
    assert "all texts" in text
    assert "by predicted class" not in text


def test_an_exact_optimum_has_no_bounds(tmp_path, capsys):
    text = "\n".join(lines_of(small_run(tmp_path), 200, capsys))
    assert "bound" not in text
    assert "by predicted class" in text


def test_classes_stand_below_each_other_in_a_narrow_terminal(tmp_path, capsys):
    lines = lines_of(small_run(tmp_path, **FORMS["three_classes"]), 80, capsys)
    first = next(n for n, line in enumerate(lines) if "agreement, attention ~" in line)
    shown = [line.split("│")[2].strip() for line in lines[first : first + 4]]
    assert shown == ["all texts", "entailment", "contradiction", "neutral"]
    assert all("[" in line for line in lines[first : first + 4])


@pytest.mark.parametrize("width", [80, 200])
def test_class_names_are_no_markup_and_no_control_characters(tmp_path, capsys, width):
    text = "\n".join(lines_of(small_run(tmp_path, classes=("[red]x[/]", "\x1b[31my")), width, capsys))
    assert "[red]x[/]" in text
    assert "\x1b" not in text


def test_long_class_names_are_cut_and_numbers_are_not(tmp_path, capsys):
    run = small_run(
        tmp_path, classes=("short", "a class with a name that is longer than any terminal is wide " * 2)
    )
    lines = [line for line in lines_of(run, 80, capsys) if "a class with" in line and "[" in line]
    assert lines
    assert all("…" in line and line.rstrip().endswith("] │") for line in lines)


def test_a_run_without_numbers_is_shown(tmp_path, capsys):
    run = small_run(tmp_path, measures=(), counterfactuals=())
    assert "not run" in "\n".join(lines_of(run, 80, capsys))


@pytest.mark.parametrize("width", [80, 160])
def test_other_trainings_are_a_few_lines(tmp_path, capsys, width):
    lines = lines_of(small_run(tmp_path, n=60, companions=3), width, capsys)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    for part in (
        "other seeds",
        "score lost",
        "score gained",
        "conicity, mean",
    ):
        assert part in text
    assert "weight 0.001" in text  # the furthest whose outputs move no more than between seeds
    assert "weight 0.01 " not in text
    assert "guide, imitation" not in text
