from itertools import pairwise

import pytest

from attnaudit.card import Answer
from attnaudit.report import sentences
from attnaudit.report.numbers import Number
from attnaudit.report.sentences import CHANGES, QUANTITIES, STRENGTHS


def narrow(value, n=100, undefined=0, width=0.005):
    return Number(value, value - width, value + width, n, undefined)


def whole(value, **more):
    return {"overall": narrow(value, **more)}


@pytest.mark.parametrize("ranges", [STRENGTHS, CHANGES, QUANTITIES])
def test_a_word_changes_exactly_at_its_threshold(ranges):
    for (upper, below), (_, above) in pairwise(ranges):
        assert sentences.word(upper - 1e-9, ranges) == below
        assert sentences.word(upper, ranges) == above


def test_an_interval_over_two_ranges_says_both_words():
    assert sentences.words(Number(0.3, 0.28, 0.32), STRENGTHS) == "weakly to moderately"
    assert sentences.words(Number(0.35, 0.31, 0.39), STRENGTHS) == "moderately"
    assert sentences.words(Number(0.35), STRENGTHS) == "moderately"
    with pytest.raises(ValueError, match="no word"):
        sentences.words(Number(None), STRENGTHS)


# --- agreement -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tau", "word"),
    [
        (-0.4, "inversely"),
        (0.02, "hardly"),
        (0.2, "weakly"),
        (0.4, "moderately"),
        (0.6, "well"),
        (0.9, "closely"),
    ],
)
def test_agreement_is_worded_by_tau(tau, word):
    said = sentences.agreement(whole(tau), whole(0.2), whole(0.3))
    assert said.startswith(f"Attention agrees {word} with the gradient (mean τ = ")


def test_agreement_names_intervals_counts_and_the_ceiling():
    said = sentences.agreement(
        {"overall": Number(0.24, 0.23, 0.25, 1818, 3)}, whole(0.26), whole(0.28), reasons={"too_short": 3}
    )
    assert "mean τ = 0.24 [0.23, 0.25]" in said
    assert "gradient and leave-one-out agree weakly with each other" in said
    assert "1,818 texts; undefined on 3 more (too few tokens)." in said


def test_reasons_are_counted_apart_where_there_are_several():
    assert (
        sentences.missing(3, {"too_short": 1, "constant": 2})
        == "; undefined on 3 more (constant scores 2, too few tokens 1)"
    )
    assert sentences.missing(0, {"too_short": 1}) == ""
    assert sentences.missing(2) == "; undefined on 2 more"


def test_classes_differ_only_when_their_intervals_are_apart():
    apart = {
        "overall": narrow(0.3),
        "predicted a": Number(0.2, 0.15, 0.25, 50),
        "predicted b": Number(0.4, 0.35, 0.45, 50),
    }
    said = sentences.agreement(apart, {}, {})
    assert (
        "Classes differ: τ with the gradient is higher for texts predicted b (0.400 [0.350, 0.450])" in said
    )
    touching = {**apart, "predicted b": Number(0.3, 0.25, 0.35, 50)}
    assert "Classes differ" not in sentences.agreement(touching, {}, {})


def test_an_empty_class_is_no_difference():
    groups = {"overall": narrow(0.3), "predicted a": narrow(0.3), "predicted b": Number(None)}
    assert "Classes differ" not in sentences.agreement(groups, {}, {})


def test_agreement_that_was_not_measured_or_is_undefined():
    assert "not both measured" in sentences.agreement({}, {}, {})
    nothing = {"overall": Number(None, undefined=7)}
    said = sentences.agreement(nothing, nothing, nothing, reasons={"constant": 7})
    assert "undefined on every text (constant scores: 7)" in said


def test_agreement_with_one_measure_only():
    said = sentences.agreement({}, whole(0.26), {})
    assert "the gradient" not in said
    assert "each other" not in said


# --- permutation and uniform -----------------------------------------------------------------------------


@pytest.mark.parametrize(("tvd", "word"), [(0.05, "little"), (0.2, "moderately"), (0.4, "strongly")])
def test_permutation_is_worded_by_tvd(tvd, word):
    said = sentences.permutation(whole(tvd), whole(0.04))
    assert f"changes the prediction of the typical text {word}:" in said
    assert "4% of the permutations change the predicted class" in said


def test_permutation_without_flips_or_without_values():
    assert "predicted class" not in sentences.permutation(whole(0.2), {})
    assert "was not permuted" in sentences.permutation({}, {})
    assert "undefined on every text" in sentences.permutation({"overall": Number(None)}, {})


def test_uniform_attention_in_all_cases():
    assert (
        "moderately (0.200 [0.195, 0.205]) and the predicted class of 8% of the texts"
        in sentences.uniform(whole(0.2), {"overall": Number(0.08, 0.07, 0.1)})
    )
    assert sentences.uniform({}, {}) == "Uniform attention was not tried."
    assert "no output change is defined" in sentences.uniform({"overall": Number(None)}, {})


# --- adversary -------------------------------------------------------------------------------------------


def adversary(share, kind="adversarial_exact", **more):
    return sentences.adversary(whole(share), whole(0.6), far=0.4, epsilon=0.01, kind=kind, **more)


@pytest.mark.parametrize(
    ("share", "quantity"),
    [
        (0.0, "On no text (0%"),
        (0.05, "On few texts (5%"),
        (0.3, "On some texts (30%"),
        (0.7, "On most texts (70%"),
        (0.95, "On nearly all texts (95%"),
        (1.0, "On every text (100%"),
    ],
)
def test_the_adversary_is_worded_by_share(share, quantity):
    said = adversary(share)
    assert said.startswith(quantity)
    assert "there is an attention at least 0.4 nats away" in said
    assert "same prediction to within 0.01" in said


def test_a_search_is_a_lower_bound():
    assert "the search finds an attention" in adversary(0.9, "adversarial_search")
    assert "lower bound" in adversary(0.9, "adversarial_search")
    assert "the search as published finds an attention" in adversary(0.9, "adversarial_paper")
    assert "lower bound" not in adversary(0.9)


def test_the_adversary_that_was_not_looked_for():
    said = sentences.adversary({}, {}, far=0.4, epsilon=None, kind="adversarial_exact")
    assert "no adversarial attention was looked for" in said
    said = sentences.adversary({"overall": Number(None)}, {}, far=0.4, epsilon=None, kind="adversarial_exact")
    assert "undefined on every text" in said


def test_a_bracket_is_said_between_its_bounds():
    said = adversary(0.72, "adversarial_bracket", upper=whole(0.64))
    assert said.startswith("On most texts (at least 72%, 95% interval ")
    assert "there is an attention at least 0.4 nats away" in said
    assert "on average the furthest is between 0.60 and 0.64 [0.59, 0.65] nats away" in said
    assert "lower bound" not in said
    tight = adversary(1.0, "adversarial_bracket", upper=whole(0.601))
    assert tight.startswith("On every text (100%")
    assert "the furthest is 0.60 [0.59, 0.61] nats away" in tight
    assert "On no text for certain" in adversary(0.0, "adversarial_bracket", upper=whole(0.64))


def test_classes_differ_under_a_bracket_only_when_no_bound_overlaps():
    lower = {"overall": narrow(0.4), "predicted a": narrow(0.3), "predicted b": narrow(0.5)}
    apart = {"overall": narrow(0.45), "predicted a": narrow(0.35), "predicted b": narrow(0.55)}
    wide = {**apart, "predicted a": narrow(0.6)}

    def said(upper):
        shown = {"far": 0.4, "epsilon": 0.05, "kind": "adversarial_bracket", "upper": upper}
        return sentences.adversary(whole(0.5), lower, **shown)

    assert "for texts predicted b (0.495 to 0.555) than for texts predicted a (0.295 to 0.355)" in said(apart)
    assert "Classes differ" not in said(wide)


def test_how_tight_a_bracket_is():
    said = sentences.bracket(narrow(0.031), narrow(0.8))
    assert "pair of certified bounds" in said
    assert "0.031 nats apart; on 80% of the texts they agree to within 1%" in said
    assert sentences.bracket(None, None) == ""
    assert sentences.bracket(Number(None), Number(None)) == ""


def test_same_weights_are_said_between_their_bounds_beside_free_ones():
    def said(mean, upper, free=None, certified=0.9, **more):
        return sentences.same_weights(mean, upper, Number(certified, n=100), epsilon=0.01, free=free, **more)

    text = said(whole(0.3, undefined=4), whole(0.35), narrow(0.6), reasons={"not_run": 4})
    assert "same prediction to within 0.01 is between 0.30 and 0.35" in text
    assert "(where the weights are free as well: 0.60)" in text
    assert "100 texts; undefined on 4 more (not run)." in text
    assert text.endswith("On 90% of these the value is certified to within 1%.")
    assert "free" not in said(whole(0.3), whole(0.3), narrow(0.6, n=99))
    assert "is 0.30 [" in said(whole(0.3), whole(0.301))
    assert sentences.same_weights({}, {}, None, epsilon=0.01) == ""
    unsupported = sentences.same_weights(
        {"overall": Number(None, undefined=3)}, {}, None, epsilon=0.05, reasons={"unsupported": 3}
    )
    assert unsupported.endswith("undefined on every text (not supported by the model: 3).")


@pytest.mark.parametrize(
    ("share", "wording"),
    [
        (0.8, "more by the spread of attention than by the evidence: of the variance of its logarithm, 80%"),
        (0.2, "less by the spread of attention than by the evidence: of the variance of its logarithm, 20%"),
        (0.5, "as much by the spread of attention as by the evidence"),
        (1.2, "by the spread of attention; the evidence works against that."),
        (-0.2, "by the evidence; the spread of attention works against that."),
    ],
)
def test_what_texts_differ_by_when_permuted(share, wording):
    said = sentences.dispersion(whole(0.4), whole(share), whole(1 - share))
    assert "is 0.40 [" in said
    assert wording in said


def test_without_variance_or_shares_less_is_said_of_permutations():
    assert sentences.dispersion({}, {}, {}) == ""
    assert "Texts differ" not in sentences.dispersion(
        whole(0.4), {"overall": Number(None)}, {"overall": Number(None)}
    )


def test_the_search_as_published_is_named_with_its_epsilon():
    said = sentences.published_search(narrow(0.612, width=0.01), 0.05)
    assert "ε = 0.05" in said
    assert "0.61 [0.60, 0.62] nats on average; 100 texts" in said
    assert sentences.published_search(None, 0.05) == ""


@pytest.mark.parametrize(
    ("gap", "least", "said"),
    [
        (
            0.09,
            0.0,
            "The search as published stays 0.09 [0.08, 0.10] nats below the lower bound on average; 100",
        ),
        (0.09, -0.02, "on average, but goes beyond it on some texts (by up to 0.020); 100 texts."),
        (0.001, 0.0, "reaches the lower bound to within 0.005 nats on average; 100 texts."),
        (-0.03, -0.1, "reaches 0.03 [0.02, 0.03] nats beyond the lower bound on average; 100 texts."),
    ],
)
def test_a_search_may_pass_the_lower_bound_of_a_bracket(gap, least, said):
    found = sentences.search_gap(
        narrow(gap), Number(least), solved="bracket", search="the search as published"
    )
    assert said in found
    assert "wrong" not in found


def test_search_against_exact():
    assert sentences.search_gap(None, None) == ""
    assert "stays 0.09 [0.08, 0.10] nats below" in sentences.search_gap(narrow(0.09), narrow(0.0))
    assert "finds the optimum to within 0.005" in sentences.search_gap(narrow(0.001), narrow(0.0))
    assert "one of the two is wrong" in sentences.search_gap(narrow(0.09), narrow(-0.02))


# --- evidence, quality, answer ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.8, "more often than chance"), (0.1, "no more often than chance"), (0.02, "less often than chance")],
)
def test_evidence_is_held_against_chance(share, words):
    said = sentences.evidence({"attention": narrow(share), "leave_one_out": narrow(0.6)}, narrow(0.1), {})
    assert f"Attention finds the known evidence {words}" in said
    assert "leave-one-out 60%" in said


def test_evidence_without_attention_or_values():
    assert "Attention was not measured; leave-one-out" in sentences.evidence(
        {"leave_one_out": narrow(0.6)}, None, {}
    )
    assert "nothing to show" in sentences.evidence({"attention": Number(None)}, None, {})


def test_a_selection_stands_between_chance_and_people():
    iou = [narrow(0.18), narrow(0.03), narrow(0.27)]
    said = sentences.selection(*(narrow(value, width=0.01) for value in (0.34, 0.12, 0.42)), iou=iou)
    assert "a token F1 of 0.34 [0.33, 0.35]; in a random order it is 0.12 [0.11, 0.13]" in said
    assert "between one annotator and another 0.42 [0.41, 0.43]." in said
    assert said.endswith("IOU F1: 0.18, at random 0.03, between annotators 0.27.")
    alone = sentences.selection(narrow(0.34), narrow(0.12), None, iou=[narrow(0.18), narrow(0.03), None])
    assert "annotator" not in alone
    assert alone.endswith("at random 0.03.")
    assert sentences.selection(None, narrow(0.1), None, iou=[None, None, None]) == ""


def test_quality_is_held_against_the_most_frequent_class():
    good = sentences.quality({"accuracy": narrow(0.8), "roc_auc": narrow(0.9)}, "test", 0.6)
    assert "right on 80% of 100 texts of the test split; ROC-AUC 0.900." in good
    assert "would be right on 60%" in good
    assert "no better than always answering the most frequent class" in sentences.quality(
        {"accuracy": narrow(0.6)}, "test", 0.6
    )
    assert sentences.quality({"accuracy": narrow(0.6)}, "test", None).endswith("test split.")
    assert "ROC-AUC 0.900" in sentences.quality({"roc_auc": narrow(0.9)}, "test", 0.5)
    assert "nothing to show" in sentences.quality({"accuracy": Number(None)}, "test", 0.5)
    several = sentences.quality({"accuracy": narrow(0.8), "f1_macro": narrow(0.7)}, "test", 0.3)
    assert "of the test split; F1 (macro) 0.700." in several
    two = {"accuracy": narrow(0.8), "f1_macro": narrow(0.7), "roc_auc": narrow(0.9)}
    assert "macro" not in sentences.quality(two, "test", 0.3)


def answers(agreement, exclusiveness, others="not run", **by_class):
    found = [
        Answer("agreement", "", "overall", agreement, ""),
        Answer("exclusiveness", "", "overall", exclusiveness, ""),
    ]
    found += [
        Answer("exclusiveness", "", f"predicted {name}", verdict, "") for name, verdict in by_class.items()
    ]
    return [*found, Answer("necessity", "", "overall", others, "")]


@pytest.mark.parametrize(
    ("verdicts", "lead"),
    [
        (("supported", "not supported"), "These numbers speak against"),
        (("supported", "undetermined"), "These numbers do not settle"),
        (("supported", "supported"), "What was asked speaks for"),
        (("supported", "supported", "supported"), "These numbers speak for"),
        (("not run", "not run"), "Nothing was asked"),
    ],
)
def test_the_answer_follows_the_verdicts(verdicts, lead):
    said = sentences.answer(answers(*verdicts), 1821, "sst")
    assert said.startswith(lead)
    assert "Of 3 questions about 1,821 texts of sst, " in said


def test_the_answer_names_a_class_that_is_answered_otherwise():
    said = sentences.answer(answers("supported", "not supported", a="supported", b="not supported"), 10, "x")
    assert "Not alike for every class: exclusiveness is supported for texts predicted a." in said
    assert "predicted b" not in said
