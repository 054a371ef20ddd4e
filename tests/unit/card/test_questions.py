"""One number moved across its threshold moves the verdict of its question, and the sentence speaks of it."""

import pytest

from attnaudit.card import Policy, card, verdict
from attnaudit.card.answer import settling
from attnaudit.spec.policy import QUESTIONS
from attnaudit.stats.inference import Estimate
from tests.unit.card.summaries import (
    CEILING,
    DELETED,
    GRADIENT,
    GROUPS,
    GUIDE,
    LEFT_OUT,
    LOST,
    SAME,
    SEEDS,
    SOONER,
    TVD,
    summary,
)


def answer(question, *changes, policy=None, **numbers):
    found = card(summary(*changes, **numbers), policy=policy)
    return next(a for a in found if a.question == question)


def test_all_clear() -> None:
    answers = card(summary(groups=GROUPS), GROUPS)
    assert [(a.question, a.group) for a in answers] == [(q, g) for q in QUESTIONS for g in GROUPS]
    assert {a.verdict for a in answers} == {"supported"}


@pytest.mark.parametrize(
    ("question", "key", "over", "under", "said"),
    [
        ("agreement", GRADIENT, (0.81, 0.8, 0.82, 200), (0.7, 0.6, 0.79, 200), "gradient (detached) agree at τ"),
        ("agreement", LEFT_OUT, (0.81, 0.8, 0.82, 200), (0.7, 0.6, 0.79, 200), "leave-one-out agree at τ"),
        ("exclusiveness", TVD, (0.11, 0.1, 0.12, 200), (0.09, 0.08, 0.099, 200), "moves the typical prediction"),
        ("exclusiveness", SAME, (0.4, 0.3, 0.45, 200), (0.6, 0.5, 0.7, 200), "The same weights can be"),
        ("necessity", LOST, (0.02, 0.01, 0.03, 5), (0.0, -0.01, 0.009, 5), "the model loses"),
        ("consistency", SEEDS, (0.4, 0.3, 0.499, 200), (0.6, 0.5, 0.7, 200), "The attention of 5 other seeds"),
        ("consistency", GUIDE, (0.02, 0.001, 0.03, 200), (-0.01, -0.02, 0.0, 200), "A guide that reads"),
        ("removal", SOONER, (0.8, 0.75, 0.85, 200), (0.5, 0.4, 0.74, 200), "Losing their attention in order of it"),
        ("removal", DELETED, (0.8, 0.75, 0.85, 200), (0.5, 0.4, 0.74, 200), "Deleted in order of attention"),
    ],
)  # fmt: skip
def test_a_number_across_its_threshold(question, key, over, under, said) -> None:
    value, low, high, n = under
    other_side = (
        over[1] if question not in ("consistency", "exclusiveness") or key in (GUIDE, TVD) else over[2]
    )
    across = (value, min(low, other_side), max(high, other_side), n)
    for row, expected in ((over, "supported"), (under, "not supported"), (across, "undetermined")):
        found = answer(question, {key: row})
        assert found.verdict == expected, (row, found.sentence)
        if expected != "supported":  # the worst number is the one that the answer is about
            assert found.sentence.startswith(said) or said in found.sentence.split(";")[0]
            assert (found.value, found.low, found.high, found.n) == row
    moved = {a.question for a in card(summary({key: under})) if a.verdict != "supported"}
    assert moved == {question}


@pytest.mark.parametrize(
    ("question", "key", "threshold", "value"),
    [
        ("agreement", GRADIENT, "share_of_ceiling", 0.95),
        ("agreement", CEILING, "least_ceiling", 0.7),
        ("exclusiveness", TVD, "permutation_tvd", 0.5),
        ("exclusiveness", SAME, "same_weights_share", 0.1),
        ("necessity", LOST, "score_difference", 0.2),
        ("consistency", SEEDS, "seed_distance", 0.1),
        ("consistency", GUIDE, "guide_difference", 0.1),
        ("removal", SOONER, "sooner_than_random", 0.99),
    ],
)
def test_a_threshold_across_its_number(question, key, threshold, value) -> None:
    assert answer(question).verdict == "supported"
    found = answer(question, policy=Policy(**{threshold: value}))
    assert found.verdict == ("undetermined" if threshold == "least_ceiling" else "not supported")


def test_the_other_number_is_named_beside_the_worst() -> None:
    both = answer("exclusiveness", {SAME: (0.9, 0.8, 1.0, 200)}).sentence
    assert "The other number clears what is asked: giving the weights to the words at random" in both
    neither = answer("exclusiveness", {SAME: (0.9, 0.8, 1.0, 200), TVD: (0.01, 0.0, 0.02, 200)}).sentence
    assert neither.startswith("Giving the weights")
    assert "The other number does not clear it either: the same weights" in neither
    assert "Gradient (detached): τ = 0.55, 92% of it." in answer("agreement").sentence
    assert "0.830 with this attention, 0.800 with uniform weights" in answer("consistency").sentence
    assert "on 97% of the texts" in answer("consistency").sentence
    removal = answer("removal", {DELETED: (0.5, 0.4, 0.6, 200)}).sentence
    assert removal.startswith(
        "Deleted in order of attention, with the text encoded anew, words change the decision"
    )
    assert "The other number clears what is asked: losing their attention in order of it, words" in removal
    open_ = answer("removal", {DELETED: (None, None, None, 0)}).sentence
    assert open_.startswith(
        "Deleted in order of attention, with the text encoded anew, words change no decision"
    )


def test_words_that_lose_their_attention_only_can_only_speak_against() -> None:
    """A model that attends beside what it uses passes with fixed states, and only deletion finds it out."""
    half = answer("removal", {DELETED: None})
    assert half.verdict == "undetermined"
    assert "Both this and another number are asked, and words were not deleted" in half.sentence
    assert answer("removal", {DELETED: None, SOONER: (0.5, 0.4, 0.6, 200)}).verdict == "not supported"


def test_deletion_decides_alone_where_attention_cannot_be_taken_away() -> None:
    assert answer("removal", {SOONER: None}).verdict == "supported"
    assert answer("removal", {SOONER: None, DELETED: (0.5, 0.4, 0.6, 200)}).verdict == "not supported"


def test_an_open_number_is_open_too_only_beside_an_open_one() -> None:
    straddling = (0.77, 0.70, 0.84, 200)
    assert (
        "The other number is open too: "
        in answer("removal", {SOONER: straddling, DELETED: straddling}).sentence
    )
    worse = answer("removal", {SOONER: (0.5, 0.4, 0.6, 200), DELETED: straddling}).sentence
    assert "The other number is open: deleted" in worse


def test_permuting_alone_decides_where_the_same_weights_say_nothing() -> None:
    for row, why in ((None, "was not asked"), ((None, None, None, 0), "linear read-out of two classes")):
        found = answer("exclusiveness", {SAME: row})
        assert (found.verdict, found.threshold) == ("supported", 0.1)
        assert why in found.sentence
        assert "so permuting alone decides" in found.sentence


def test_a_lower_bound_alone_does_not_show_that_no_re_assignment_goes_far() -> None:
    upper = ("adversary", "same_weights", "overall", "mean_upper_jsd")
    found = answer("exclusiveness", {upper: (0.2, 0.19, 0.21, 200)})
    assert found.verdict == "undetermined"
    assert "not ruled out" in found.sentence


@pytest.mark.parametrize(("missing", "key"), [("the guide was", SEEDS), ("other seeds were", GUIDE)])
def test_half_of_consistency_can_only_speak_against_it(missing, key) -> None:
    other = GUIDE if key == SEEDS else SEEDS
    found = answer("consistency", {other: None})
    assert found.verdict == "undetermined"
    assert f"{missing} not run; `attnaudit card RUN --seeds 5 --with uniform,guide`" in found.sentence
    against = (0.9, 0.8, 1.0, 200) if key == SEEDS else (-0.1, -0.2, -0.05, 200)
    assert answer("consistency", {other: None, key: against}).verdict == "not supported"


def test_what_was_run_for_no_group_is_said_once_with_what_to_do() -> None:
    gone = {
        (key[0], key[1], group, key[3]): None
        for group in GROUPS
        for key in (LOST, SEEDS, GUIDE, SOONER, DELETED)
    }
    answers = card(summary(gone, groups=GROUPS), GROUPS)
    not_run = [a for a in answers if a.verdict == "not run"]
    assert [(a.question, a.group) for a in not_run] == [
        (q, "overall") for q in ("necessity", "consistency", "removal")
    ]
    assert all("attnaudit card RUN" in a.sentence for a in not_run[:2])


def test_undefined_numbers_are_open() -> None:
    nothing = (None, None, None, 0)
    for question, key in (
        ("agreement", GRADIENT),
        ("exclusiveness", TVD),
        ("necessity", LOST),
        ("consistency", SEEDS),
        ("consistency", GUIDE),
        ("removal", SOONER),
        ("removal", DELETED),
    ):
        assert answer(question, {key: nothing}).verdict == "undetermined", question
    neither = answer("removal", {SOONER: nothing, DELETED: nothing})
    assert (neither.verdict, neither.sentence[:34]) == ("undetermined", "No order of removal changes any de")


def test_the_sentence_says_what_the_interval_is_over() -> None:
    several = answer("necessity")
    assert "over 5 pairs of trainings" in several.sentence
    assert (several.n, several.over) == (5, "seed")
    one = answer("necessity", pairs=1)
    assert "over the texts and says nothing about other seeds" in one.sentence
    assert (one.n, one.over) == (200, "text")
    assert "0.850 with its own and 0.800 with uniform attention" in one.sentence
    overall = card(summary(groups=GROUPS), GROUPS)
    assert "of accuracy" in next(a for a in overall if a.question == "necessity").sentence
    by_class = next(a for a in overall if (a.question, a.group) == ("necessity", "predicted no"))
    assert "of F1 of the class" in by_class.sentence


def test_an_open_answer_says_what_would_settle_it() -> None:
    texts = answer("removal", {SOONER: (0.77, 0.70, 0.84, 200)})
    assert texts.verdict == "undetermined"
    assert "about 2,500 texts like these settle it in one case of two" in texts.sentence  # 200 · (.07 / .02)²
    seeds = answer("necessity", {LOST: (0.02, -0.01, 0.05, 5)})
    assert seeds.sentence.endswith("More seeds would settle it.")
    of_one = answer("necessity", {LOST: (0.02, -0.01, 0.05, 200)}, pairs=1)
    assert "texts like these" in of_one.sentence
    over_seeds = answer("consistency", {SEEDS: (0.4, 0.2, 0.6, 5)})
    assert (over_seeds.over, "More seeds" in over_seeds.sentence) == ("seed", True)
    ceiling = answer("agreement", {CEILING: (0.42, 0.38, 0.46, 200)})
    assert "about 810 texts" in ceiling.sentence  # 200 · (.04 / .02)², rounded up
    assert "no number of texts" in settling(Estimate(0.5, 0.4, 0.6, 50), 0.5, "text")
    assert settling(Estimate(0.5, None, None, 1), 0.6, "text") == ""


def test_few_texts_are_said_to_be_few_and_few_seeds_are_not_texts() -> None:
    few = answer("removal", {SOONER: (0.77, 0.70, 0.84, 29)})
    assert few.verdict == "undetermined"
    assert few.sentence.startswith("Only 29 texts: 30 are asked for a verdict. ")
    assert "about 360 texts" in few.sentence
    clear = answer("removal", {SOONER: (0.99, 0.98, 1.0, 29)})
    assert "like these" not in clear.sentence
    assert answer("necessity", {LOST: (0.05, 0.04, 0.06, 5)}).verdict == "supported"


@pytest.mark.parametrize(
    ("low", "high", "wanted", "expected"),
    [
        (0.5, 0.6, "at least", "supported"),
        (0.5, 0.6, "above", "undetermined"),
        (0.4, 0.5, "above", "not supported"),
        (0.51, 0.6, "above", "supported"),
        (0.4, 0.49, "below", "supported"),
        (0.4, 0.5, "below", "undetermined"),
        (0.5, 0.6, "below", "not supported"),
    ],
)
def test_at_the_threshold(low, high, wanted, expected) -> None:
    assert verdict(Estimate(0.5, low, high, 99), 0.5, wanted) == expected


def test_no_sentence_says_flatly_what_attention_is() -> None:
    for answers in (card(summary()), card(summary({SAME: (0.9, 0.8, 1.0, 200)}))):
        text = " ".join(a.sentence for a in answers).lower()
        assert "explanation" not in text
