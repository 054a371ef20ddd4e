"""How a finished run looks in a notebook."""

import pytest

from attnaudit.wording import beside, quality_line, worded
from tests.unit.report.small_run import FORMS, small_run


@pytest.mark.parametrize(
    ("form", "quality"),
    [
        ("classification", "accuracy 0.800, ROC-AUC 0.900, F1 0.700"),
        ("many_answers", "accuracy 0.800, F1 (macro) 0.750"),
    ],
)
def test_a_notebook_shows_answers_and_the_scores_that_exist(tmp_path, form, quality):
    html = small_run(tmp_path, **FORMS[form])._repr_html_()
    assert quality in html
    assert html.count("<tr>") == 6
    assert "<code>counterfactual</code>" in html


def test_an_average_does_not_hide_opposite_classes(tmp_path):
    run = small_run(tmp_path, n=80, predictions=[0] * 75 + [1] * 5)
    assert "By class: predicted negative: " in run._repr_html_()


def test_names_from_the_corpus_stay_text(tmp_path):
    run = small_run(tmp_path, n=80, predictions=[0] * 75 + [1] * 5, classes=("<b>", "c"), corpus="<i>")
    html = run._repr_html_()
    assert "predicted &lt;b&gt;: " in html
    assert "<b>:" not in html
    assert "<i>" not in html


def test_names_are_worded():
    assert worded("adversarial_paper") == "search as published"
    assert worded("adversarial_bracket") == "bracket"
    assert worded("some_new_measure") == "some new measure"
    assert quality_line({"roc_auc": None}) == "no score is defined"
    assert quality_line({"accuracy": 0.5, "f1": 0.4, "f1_macro": 0.45}) == "accuracy 0.500, F1 0.400"
    assert [beside(name) for name in ("question", "hypothesis", "q2", None)] == [
        "Question",
        "Hypothesis",
        "Read beside it",
        "Read beside it",
    ]
