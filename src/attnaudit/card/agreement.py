"""Question 1: does attention rank the words as other measures of importance do?

Both the gradient and leave-one-out are asked; the one that attention does worse with decides.
"""

from __future__ import annotations

from dataclasses import replace

from attnaudit.card.answer import (
    SEVERITY,
    Answer,
    Numbers,
    answer_by,
    not_answered,
    part,
    settling,
    spread,
    spread_of_share,
)
from attnaudit.named import gradient_of
from attnaudit.spec.policy import Policy
from attnaudit.stats.inference import Estimate
from attnaudit.wording import worded

_QUESTION, _SHARE = "agreement", "share_of_ceiling"


def agreement(numbers: Numbers, group: str, policy: Policy) -> Answer:
    """τ with each as a share of the τ that they reach between themselves, which must be high enough to mean much."""
    asked = policy.share_of_ceiling
    measures = [
        s.removeprefix("attention ~ ") for e, s, g, t in numbers if (e, g, t) == (_QUESTION, group, _SHARE)
    ]
    gradient = gradient_of(measures)
    if gradient is None or "leave_one_out" not in measures:
        said = "Attention, a gradient and leave-one-out were not all measured."
        return not_answered(_QUESTION, group, "not run", said)
    shares = {m: numbers[_QUESTION, f"attention ~ {m}", group, _SHARE] for m in (gradient, "leave_one_out")}
    if any(share.value is None for share in shares.values()):
        n = min(share.n for share in shares.values())
        return not_answered(
            _QUESTION,
            group,
            "undetermined",
            _TOO_FEW.format(n) if n < 2 else _NO_CEILING,
            n=n,
            threshold=asked,
        )
    parts = {
        m: part(_said(m, _tau(numbers, m, group), share, asked), share, asked, policy)
        for m, share in shares.items()
    }
    worst = min(parts, key=lambda m: (SEVERITY.index(parts[m].verdict), shares[m].value or 0.0))
    other = next(m for m in parts if m != worst)
    tau = _decimal(_tau(numbers, other, group))
    beside = f" {worded(other).capitalize()}: τ = {tau}, {shares[other].value:.0%} of it."
    answer = answer_by(_QUESTION, group, [parts[worst]])
    answer = replace(answer, sentence=answer.sentence + beside)
    ceiling = numbers[_QUESTION, f"{gradient} ~ leave_one_out", group, "mean"]
    if answer.verdict != "not supported" and (ceiling.low is None or ceiling.low < policy.least_ceiling):
        few = (
            f" But these two agree with each other at τ = {_decimal(ceiling)} ({spread(ceiling)}), not clearly above "
            f"the {policy.least_ceiling:.1f} from which agreeing with them would show much."
        )
        if answer.verdict == "supported" and (ceiling.value or 0.0) > policy.least_ceiling:
            few += settling(ceiling, policy.least_ceiling, "text")
        answer = replace(answer, verdict="undetermined", sentence=answer.sentence + few)
    return answer


def _said(measure: str, tau: Estimate, share: Estimate, asked: float) -> str:
    return (
        f"Attention and {worded(measure)} agree at τ = {_decimal(tau)} on average, {share.value:.0%} "
        f"({spread_of_share(share)}) of what gradient and leave-one-out reach between themselves; {asked:.0%} is "
        "asked."
    )


def _tau(numbers: Numbers, measure: str, group: str) -> Estimate:
    return numbers[_QUESTION, f"attention ~ {measure}", group, "mean"]


def _decimal(tau: Estimate) -> str:
    return "–" if tau.value is None else f"{tau.value:.2f}"


_TOO_FEW = (
    "τ exists for too few texts ({}) to say anything: the others have fewer than two tokens, or constant "
    "scores."
)
_NO_CEILING = (
    "Gradient and leave-one-out do not agree with each other on these texts, so there is nothing to hold attention "
    "against."
)
