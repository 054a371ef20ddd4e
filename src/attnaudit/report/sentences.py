"""Numbers → one plain sentence that says what they show. The numbers decide the wording.

A word stands for a range of values, given here in tables; where an interval reaches over two ranges, both
words are said. What is undefined is counted. Classes are said to differ only when their intervals are apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from attnaudit.card import Answer, Policy, Use
from attnaudit.report.numbers import (
    Number,
    decimal,
    group_name,
    interval,
    percent,
    percent_interval,
    with_interval,
)
from attnaudit.summary import OVERALL
from attnaudit.wording import counted, listed, worded

STRENGTHS = (
    (-0.1, "inversely"),
    (0.1, "hardly"),
    (0.3, "weakly"),
    (0.5, "moderately"),
    (0.7, "well"),
    (None, "closely"),
)
"""How two rankings agree, by τ: `inversely` below −0.1, … `closely` from 0.7. Our words; the paper gives none."""

CHANGES = ((Policy().permutation_tvd, "little"), (0.3, "moderately"), (None, "strongly"))
"""How much an output moves, by TVD: `little` below the default policy's threshold, `strongly` from 0.3."""

QUANTITIES = ((0.1, "few texts"), (0.5, "some texts"), (0.9, "most texts"), (None, "nearly all texts"))
"""How many texts, by their share."""

STATUS_WORDS = {
    "too_short": "too few tokens",
    "constant": "constant scores",
    "diverged": "scores that are not finite",
    "censored": "censored",
    "infeasible": "no solution",
    "budget": "over budget",
    "not_run": "not run",
    "not_applicable": "not applicable",
    "unsupported": "not supported by the model",
}
"""Why a value is missing, as a reader meets it."""

_SLACK = 1e-9
"""Nats by which rounding may put a search above the optimum without anything being wrong."""

_SHORT = {
    "agreement": "agreement with other measures",
    "exclusiveness": "exclusiveness",
    "necessity": "necessity",
    "consistency": "consistency between seeds",
    "removal": "removal of words",
}

_FOUND = {
    "adversarial_search": "the search finds",
    "adversarial_paper": "the search as published finds",
}
"""How an attention is there that was found without a proof that it is the furthest."""

_Ranges = Sequence[tuple[float | None, str]]


# --- words for numbers -----------------------------------------------------------------------------------


def word(value: float, ranges: _Ranges) -> str:
    """The word of the range that a value falls in; the upper end of a range belongs to the next."""
    return next(name for upper, name in ranges if upper is None or value < upper)


def words(number: Number, ranges: _Ranges) -> str:
    """The word for a number, or both where its interval reaches over several ranges: `weakly to moderately`."""
    if number.value is None:
        raise ValueError("a number without a value has no word")
    if number.low is None or number.high is None:
        return word(number.value, ranges)
    first, last = word(number.low, ranges), word(number.high, ranges)
    return first if first == last else f"{first} to {last}"


def missing(undefined: int, reasons: Mapping[str, int] | None = None) -> str:
    """`; undefined on 3 more (too few tokens)`; nothing where nothing is undefined."""
    if not undefined:
        return ""
    why = ", ".join(
        STATUS_WORDS.get(status, status) + (f" {count:,}" if len(reasons or {}) > 1 else "")
        for status, count in sorted((reasons or {}).items())
    )
    return f"; undefined on {undefined:,} more" + (f" ({why})" if why else "")


def class_difference(
    by_group: Mapping[str, Number], what: str, *, said: Callable[[Number], str] | None = None
) -> str:
    """` Classes differ: …`, where the intervals of the highest and the lowest class do not overlap; else nothing."""
    said = said or with_interval
    known = {
        group: number
        for group, number in by_group.items()
        if group != OVERALL
        and number.value is not None
        and number.low is not None
        and number.high is not None
    }
    if len(known) < 2:
        return ""
    top = max(known, key=lambda group: known[group].value or 0.0)
    bottom = min(known, key=lambda group: known[group].value or 0.0)
    high, low = known[top], known[bottom]
    if high.low is None or low.high is None or high.low <= low.high:
        return ""

    return f" Classes differ: {what} is higher for texts {top} ({said(high)}) than for texts {bottom} ({said(low)})."


# --- the sections ----------------------------------------------------------------------------------------


def answer(answers: Sequence[Answer], n: int, corpus: str, uses: Sequence[Use] = ()) -> str:
    """The paragraph at the top: which uses of this attention the card allows, and how the questions were answered."""
    whole = [a for a in answers if a.group == OVERALL]
    by_verdict = {
        verdict: [a.question for a in whole if a.verdict == verdict]
        for verdict in ("supported", "not supported", "undetermined", "not run")
    }
    against, favour = by_verdict["not supported"], by_verdict["supported"]
    open_ones, asked = by_verdict["undetermined"], len(whole) - len(by_verdict["not run"])
    if not asked:
        lead = "Nothing was asked that could decide whether this attention may be shown as an explanation."
    elif against:
        lead = (
            "These numbers speak against showing this model’s attention as an explanation of its predictions."
        )
    elif open_ones or not favour:
        lead = "These numbers do not settle whether this model’s attention may be shown as an explanation."
    elif by_verdict["not run"]:
        lead = "What was asked speaks for showing this model’s attention as an explanation; not everything was asked."
    else:
        lead = "These numbers speak for showing this model’s attention as an explanation of its predictions."
    parts = [
        f"{_listed(questions)} {'is' if len(questions) == 1 else 'are'} {verdict}"
        for verdict, questions in by_verdict.items()
        if questions and verdict != "not run"
    ]
    if by_verdict["not run"]:
        parts.append(
            f"{_listed(by_verdict['not run'])} {'was' if len(by_verdict['not run']) == 1 else 'were'} not run"
        )
    lead = _by_use(uses) if uses and asked else lead
    text = f"{lead} Of {len(whole)} questions about {counted(n)} of {corpus}, {'; '.join(parts)}."
    return text + _other_classes(answers)


def _by_use(uses: Sequence[Use]) -> str:
    by_verdict = {
        verdict: [use.name for use in uses if use.verdict == verdict]
        for verdict in ("supported", "not supported", "undetermined")
    }
    said = [
        f"{listed(names)} {'is' if len(names) == 1 else 'are'} {verdict}"
        for verdict, names in by_verdict.items()
        if names
    ]
    return f"By the use that this model’s attention is put to: {'; '.join(said)}."


def quality(numbers: Mapping[str, Number], split: str, majority: float | None) -> str:
    """How good the model is, beside always answering the most frequent class."""
    known = {metric: number for metric, number in numbers.items() if number.value is not None}
    if not known:
        return "There is nothing to show: no score of the model is defined."
    accuracy = known.get("accuracy")
    shown = [m for m in ("roc_auc", "average_precision", "f1_macro") if m in known]
    if len(shown) > 1:
        shown.remove("f1_macro")  # what stands for the others where there are more than two classes
    said = [f"{worded(m)} {decimal(known[m].value)}" for m in shown]
    if accuracy is None or accuracy.value is None:
        return f"On the {split} split the model reaches {' and '.join(said) or 'the scores below'}."
    beside = "; " + " and ".join(said) if said else ""
    text = f"The model is right on {percent(accuracy.value)} of {counted(accuracy.n)} of the {split} split{beside}."
    if majority is None:
        return text
    if accuracy.value <= majority:
        return (
            f"{text} That is no better than always answering the most frequent class ({percent(majority)}): what is "
            "said below about its attention says little."
        )
    return f"{text} Always answering the most frequent class would be right on {percent(majority)}."


def agreement(
    gradient: Mapping[str, Number],
    leave_one_out: Mapping[str, Number],
    ceiling: Mapping[str, Number],
    *,
    reasons: Mapping[str, int] | None = None,
) -> str:
    """How attention agrees with the gradient and with leave-one-out, and how these agree; each by group."""
    with_gradient, with_leaving = gradient.get(OVERALL), leave_one_out.get(OVERALL)
    pairs = [(name, n) for name, n in (("the gradient", with_gradient), ("leave-one-out", with_leaving)) if n]
    if not pairs:
        return "There is nothing to show: attention and another measure of importance were not both measured."
    defined = [(name, number) for name, number in pairs if number.value is not None]
    if not defined:
        return f"There is nothing to show: τ is undefined on every text{_reasons(reasons)}."
    said = [f"{_agrees(number)} with {name} ({_mean_tau(number)})" for name, number in defined]
    text = "Attention agrees " + " and ".join(said)
    top = ceiling.get(OVERALL)
    if top is not None and top.value is not None:
        text += f", while gradient and leave-one-out agree {_agrees(top)} with each other ({_mean_tau(top)})"
    first = defined[0][1]
    text += f"; {counted(first.n)}{missing(first.undefined, reasons)}."
    for name, by_group in (("the gradient", gradient), ("leave-one-out", leave_one_out)):
        text += class_difference(by_group, f"τ with {name}")
    return text


def permutation(
    tvd: Mapping[str, Number], flipped: Mapping[str, Number], *, reasons: Mapping[str, int] | None = None
) -> str:
    """What giving the weights to the words at random does to the prediction, by group."""
    whole, flips = tvd.get(OVERALL), flipped.get(OVERALL)
    if whole is None:
        return "There is nothing to show: attention was not permuted."
    if whole.value is None:
        return f"There is nothing to show: the output change is undefined on every text{_reasons(reasons)}."
    text = (
        "Giving the weights to the words at random changes the prediction of the typical text "
        f"{words(whole, CHANGES)}: its median output change is {with_interval(whole)}"
    )
    if flips is not None and flips.value is not None:
        text += f", and {percent(flips.value)} of the permutations change the predicted class"
    text += f"; {counted(whole.n)}{missing(whole.undefined, reasons)}."
    return text + class_difference(tvd, "the median output change")


def dispersion(
    logit: Mapping[str, Number], attention: Mapping[str, Number], evidence: Mapping[str, Number]
) -> str:
    """Why permuting matters: how far the logit moves, and how its differences between texts are shared out.

    `logit` is its standard deviation over permutations (median text), the others are shares of the variance of its
    logarithm. Nothing where the variance of the logit is not stored.
    """
    whole, of_attention, of_evidence = logit.get(OVERALL), attention.get(OVERALL), evidence.get(OVERALL)
    if whole is None or whole.value is None:
        return ""
    text = (
        "How far the logit moves when the weights are permuted is exactly how unevenly they are spread times how "
        f"much the evidence of the words differs; in the typical text it is {with_interval(whole, 2)} logits "
        "(standard deviation)."
    )
    shares = [share for share in (of_attention, of_evidence) if share is not None and share.value is not None]
    if of_attention is None or of_evidence is None or len(shares) < 2:
        return text
    a, e = of_attention.value or 0.0, of_evidence.value or 0.0
    if min(a, e) < 0:
        return (
            f"{text} Texts differ in it by {'the evidence' if a < 0 else 'the spread of attention'}; "
            f"{'the spread of attention' if a < 0 else 'the evidence'} works against that."
        )
    clear = of_attention.low is not None and of_attention.high is not None
    clear = clear and not (of_attention.low or 0.0) <= 0.5 <= (of_attention.high or 0.0)
    more = "as much" if not clear else "more" if a > 0.5 else "less"
    than = "as" if more == "as much" else "than"
    return (
        f"{text} Texts differ in it {more} by the spread of attention {than} by the evidence: of the variance of its "
        f"logarithm, {percent(a)} ({percent_interval(of_attention)}) goes with attention, {percent(e)} with evidence."
    )


def uniform(tvd: Mapping[str, Number], flipped: Mapping[str, Number]) -> str:
    """What the same weight on every word does to the prediction, by group."""
    whole, flips = tvd.get(OVERALL), flipped.get(OVERALL)
    if whole is None:
        return "Uniform attention was not tried."
    if whole.value is None:
        return "Uniform attention was tried, but no output change is defined."
    text = (
        f"The same weight on every word changes the prediction of the typical text {words(whole, CHANGES)} "
        f"({with_interval(whole)})"
    )
    if flips is not None and flips.value is not None:
        text += f" and the predicted class of {percent(flips.value)} of the texts ({percent_interval(flips)})"
    return text + "." + class_difference(tvd, "the output change under uniform attention")


def adversary(
    share: Mapping[str, Number],
    mean: Mapping[str, Number],
    *,
    far: float,
    epsilon: float | None,
    kind: str,
    upper: Mapping[str, Number] | None = None,
    reasons: Mapping[str, int] | None = None,
) -> str:
    """On how many texts an attention far from the model's own gives the same prediction, by group.

    `kind` is what looked for it; of a bracket `mean` is the mean of the lower bounds and `upper` that of the upper.
    """
    whole, distance = share.get(OVERALL), mean.get(OVERALL)
    if whole is None:
        return "There is nothing to show: no adversarial attention was looked for."
    if whole.value is None:
        return f"There is nothing to show: the distance is undefined on every text{_reasons(reasons)}."
    within = "" if epsilon is None else f" to within {epsilon:g}"
    above = (upper or {}).get(OVERALL)
    least = "at least " if above is not None and 0 < whole.value < 1 else ""
    text = (
        f"On {_quantity(whole.value, at_least=above is not None)} ({least}{percent(whole.value)}, 95% interval "
        f"{percent_interval(whole)}) {_FOUND.get(kind, 'there is')} an attention at least {far:g} nats away from the "
        f"model’s own that gives the same prediction{within}"
    )
    if distance is not None and distance.value is not None:
        text += f"; on average the furthest is {_distance(distance, above)} nats away, of 0.69 at most"
    text += f"; {counted(whole.n)}{missing(whole.undefined, reasons)}."
    if kind in _FOUND:
        text += " The search gives a lower bound: there may be more."
    spans = {group: _span(number, (upper or {}).get(group)) for group, number in mean.items()}
    return text + class_difference(spans, "ε-max JSD", said=with_interval if above is None else _between)


def bracket(width: Number | None, certified: Number | None) -> str:
    """What a bracket is and how tight; nothing where none was computed."""
    if width is None or width.value is None or certified is None or certified.value is None:
        return ""
    return (
        "A bracket is a pair of certified bounds: an attention as far away as the lower one was found, and none "
        "further away than the upper one exists. On average the two lie "
        f"{decimal(width.value)} nats apart; on {percent(certified.value)} of the texts they agree to within 1%."
    )


def same_weights(
    mean: Mapping[str, Number],
    upper: Mapping[str, Number],
    certified: Number | None,
    *,
    epsilon: float | None,
    free: Number | None = None,
    reasons: Mapping[str, int] | None = None,
) -> str:
    """How far the model's own weights can be re-assigned with the same prediction; nothing where that was not asked.

    `mean` and `upper` are the bounds by group; `free` is the ε-max JSD, shown where it rests on the same texts.
    """
    whole = mean.get(OVERALL)
    if whole is None:
        return ""
    if whole.value is None:
        return f"Keeping the same weights and only re-assigning them is undefined on every text{_reasons(reasons)}."
    within = "" if epsilon is None else f" to within {epsilon:g}"
    text = (
        "Keeping the same weights and only re-assigning them to other words, the furthest attention that gives the "
        f"same prediction{within} is {_distance(whole, upper.get(OVERALL))} nats away on average"
    )
    if free is not None and free.value is not None and free.n == whole.n:
        text += f" (where the weights are free as well: {decimal(free.value, 2)})"
    text += f"; {counted(whole.n)}{missing(whole.undefined, reasons)}."
    if certified is not None and certified.value is not None:
        text += f" On {percent(certified.value)} of these the value is certified to within 1%."
    spans = {group: _span(number, upper.get(group)) for group, number in mean.items()}
    return text + class_difference(spans, "this distance", said=_between)


def published_search(distance: Number | None, epsilon: float | None) -> str:
    """What the search finds with the settings of the published code; nothing where it was not run."""
    if distance is None or distance.value is None:
        return ""
    within = "" if epsilon is None else f" (what counts is ε = {epsilon:g})"
    return (
        f"With the settings of the published code{within} the search reaches {with_interval(distance, 2)} nats on "
        f"average; {counted(distance.n)}."
    )


def search_gap(
    gap: Number | None, least: Number | None, *, solved: str = "exact", search: str = "the paper’s search"
) -> str:
    """How far a search stays below what is solved (`exact` or `bracket`); nothing unless both were run alike."""
    if gap is None or gap.value is None:
        return ""
    name = search[0].upper() + search[1:]
    beyond = -least.value if least is not None and least.value is not None else 0.0
    if solved == "exact" and beyond > _SLACK:
        return (
            f"On some texts {search} went beyond the exact optimum (by up to {decimal(beyond, 4)} nats), "
            "which cannot be: one of the two is wrong."
        )
    if solved == "bracket":
        text = f"{name} stays {with_interval(gap, 2)} nats below the lower bound on average"
        if gap.value < 0.005:
            text = f"{name} reaches the lower bound to within {decimal(0.005)} nats on average"
            if gap.value < -0.005:
                text = (
                    f"{name} reaches {with_interval(_negated(gap), 2)} nats beyond the lower bound on average"
                )
        if beyond > 0.005 and gap.value > -0.005:
            text += f", but goes beyond it on some texts (by up to {decimal(beyond)})"
        return f"{text}; {counted(gap.n)}."
    if gap.value < 0.005:
        return f"{name} finds the optimum to within {decimal(0.005)} nats on average; {counted(gap.n)}."
    return (
        f"{name} stays {with_interval(gap, 2)} nats below the exact optimum on average, so numbers "
        f"that rest on it understate how far attention can go; {counted(gap.n)}."
    )


def evidence(found: Mapping[str, Number], chance: Number | None, by_group: Mapping[str, Number]) -> str:
    """Whether attention finds the known evidence, beside the other measures and chance; precision at k."""
    attention = found.get("attention")
    defined = {measure: number for measure, number in found.items() if number.value is not None}
    if not defined:
        return "There is nothing to show: no text has both evidence and other words."
    if attention is None or attention.value is None:
        best = max(defined, key=lambda measure: defined[measure].value or 0.0)
        share = percent(defined[best].value)
        return f"Attention was not measured; {worded(best)} finds more of the evidence than the others ({share})."
    text = f"Attention finds the known evidence {_against(attention, chance)}: "
    text += f"{percent(attention.value)} ({percent_interval(attention)}) of the words it ranks highest are evidence"
    if chance is not None and chance.value is not None:
        text += f", where a random order reaches {percent(chance.value)}"
    others = [f"{worded(m)} {percent(n.value)}" for m, n in defined.items() if m != "attention"]
    if others:
        text += f" and other measures: {', '.join(others)}"
    text += f"; {counted(attention.n)}{missing(attention.undefined)}."
    return text + class_difference(by_group, "precision at k of attention")


def selection(
    attention: Number | None,
    chance: Number | None,
    annotators: Number | None,
    *,
    iou: Sequence[Number | None],
) -> str:
    """How near the words picked by attention come to people's: F1, between chance and what people reach among them.

    Args:
        attention: token F1 of attention, of …
        chance: … a random order, and of …
        annotators: … another annotator; None where there is one alone.
        iou: the three in the same order, as IOU F1.
    """
    if attention is None or attention.value is None:
        return ""
    text = (
        "When as many words are picked as people mark on average, the highest by attention agree with the marked "
        f"ones with a token F1 of {with_interval(attention, 2)}"
    )
    if chance is not None and chance.value is not None:
        text += f"; in a random order it is {with_interval(chance, 2)}"
    if annotators is not None and annotators.value is not None:
        text += f", and between one annotator and another {with_interval(annotators, 2)}"
    spans = [None if number is None else number.value for number in iou]
    text += f". Whole passages, as IOU F1: {decimal(spans[0], 2)}"
    text += f", at random {decimal(spans[1], 2)}" if spans[1] is not None else ""
    text += f", between annotators {decimal(spans[2], 2)}" if spans[2] is not None else ""
    return f"{text}."


# --- pieces ----------------------------------------------------------------------------------------------


def _agrees(number: Number) -> str:
    return words(number, STRENGTHS)


def _mean_tau(number: Number) -> str:
    return f"mean τ = {with_interval(number, 2)}"


def _span(lower: Number, upper: Number | None) -> Number:
    """One number with the interval that holds both ends of a bracket; what is known exactly stays as it is."""
    if upper is None or upper.high is None:
        return lower
    return replace(lower, high=upper.high)


def _between(number: Number) -> str:
    return f"{decimal(number.low)} to {decimal(number.high)}"


def _distance(lower: Number, upper: Number | None) -> str:
    """`0.60 [0.59, 0.61]`; of a bracket `between 0.60 and 0.64 [0.59, 0.65]`."""
    if upper is None or upper.value is None:
        return with_interval(lower, 2)
    ends = decimal(lower.value, 2), decimal(upper.value, 2)
    if ends[0] == ends[1]:
        return with_interval(_span(lower, upper), 2)
    span = _span(lower, upper)
    said = f"between {ends[0]} and {ends[1]}"
    return said if span.low is None else f"{said} {interval(span, 2)}"


def _negated(number: Number) -> Number:
    low, high = (None if end is None else -end for end in (number.high, number.low))
    return replace(number, value=-(number.value or 0.0), low=low, high=high)


def _quantity(share: float, *, at_least: bool) -> str:
    """How many texts in a word: `most texts`; what is only known not to be less says so where it is none."""
    if share == 0:
        return "no text for certain" if at_least else "no text"
    return "every text" if share == 1 else word(share, QUANTITIES)


def _against(number: Number, chance: Number | None) -> str:
    if chance is None or chance.value is None or number.low is None or number.high is None:
        return "to this share"
    if number.low > chance.value:
        return "more often than chance"
    return "less often than chance" if number.high < chance.value else "no more often than chance"


def _reasons(reasons: Mapping[str, int] | None) -> str:
    if not reasons:
        return ""
    return (
        " (" + ", ".join(f"{STATUS_WORDS.get(s, s)}: {count:,}" for s, count in sorted(reasons.items())) + ")"
    )


def _listed(questions: Sequence[str]) -> str:
    return listed([_SHORT.get(question, question) for question in questions])


def _other_classes(answers: Sequence[Answer]) -> str:
    """Where a class is answered otherwise than all texts together."""
    whole = {a.question: a.verdict for a in answers if a.group == OVERALL}
    other = [a for a in answers if a.group != OVERALL and a.verdict != whole.get(a.question, a.verdict)]
    if not other:
        return ""
    said = [
        f"{_SHORT.get(a.question, a.question)} is {a.verdict} for texts {group_name(a.group)}" for a in other
    ]
    return f" Not alike for every class: {'; '.join(said)}."
