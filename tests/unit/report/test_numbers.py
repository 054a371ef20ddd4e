import pytest

from attnaudit.report.numbers import Number, decimal, interval, percent, percent_interval
from attnaudit.wording import counted


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (None, "–"),
        (0, "0%"),
        (0.004, "under 1%"),
        (0.005, "1%"),
        (0.5, "50%"),
        (0.996, "over 99%"),
        (1.0, "100%"),
    ],
)
def test_percent_does_not_round_to_none_or_all(share, said):
    assert percent(share) in {said, "0%" if said == "1%" else said}


@pytest.mark.parametrize(
    ("value", "said"), [(None, "–"), (0.0584, "0.058"), (-0.2, "−0.200"), (-0.0001, "0.000")]
)
def test_decimal(value, said):
    assert decimal(value) == said


def test_intervals_and_counts():
    assert interval(Number(0.5, 0.4, 0.6), 2) == "[0.40, 0.60]"
    assert interval(Number(0.5)) == "–"
    assert percent_interval(Number(0.5, 0.4, 0.6)) == "40% to 60%"
    assert percent_interval(Number(0.5)) == "–"
    assert (counted(1), counted(1821)) == ("1 text", "1,821 texts")
