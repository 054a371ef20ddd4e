"""Question 2: would the same weights on other words have given the same prediction?

Two numbers decide: how far random re-assignment moves the output, and how far a re-assignment may go that does not.
The furthest attention of any shape nearly always exists, so it is said and does not decide.
"""

from __future__ import annotations

from attnaudit.card.answer import (
    Answer,
    Numbers,
    Part,
    answer_by,
    not_answered,
    part,
    spread,
    spread_of_share,
)
from attnaudit.spec.policy import Policy
from attnaudit.stats.inference import Estimate

_QUESTION = "exclusiveness"


def exclusiveness(numbers: Numbers, group: str, policy: Policy) -> Answer:
    """By the median output change under permutation, and by the same weights where they could be solved for."""
    asked = policy.permutation_tvd
    tvd = numbers.get(("permutation", "permuted", group, "median_tvd"))
    if tvd is None:
        return not_answered(_QUESTION, group, "not run", "Attention was not permuted.")
    if tvd.value is None:
        said = "No text here has two tokens or more, so there was nothing to permute."
        return not_answered(_QUESTION, group, "undetermined", said, threshold=asked)
    said = (
        f"Giving the weights to the words at random moves the typical prediction by {tvd.value:.3f} ({spread(tvd)}) "
        f"of probability; {asked:.2f} is asked."
    )
    parts = [part(said, tvd, asked, policy)]
    same = _same_weights(numbers, group, policy)
    beside = same if isinstance(same, str) else ""
    if isinstance(same, Part):
        parts.append(same)
    return answer_by(_QUESTION, group, parts, beside + _far(numbers, group))


def _same_weights(numbers: Numbers, group: str, policy: Policy) -> Part | str:
    """The part, or why there is none."""
    asked = policy.same_weights_share
    share = numbers.get(("adversary", "same_weights", group, "share_of_permuted"))
    if share is None:
        return (
            " How far the same weights can be re-assigned with the output kept was not asked, so permuting alone "
            "decides."
        )
    if share.value is None:
        return (
            " How far the same weights can be re-assigned with the output kept is not defined here (it takes a "
            "linear read-out of two classes), so permuting alone decides."
        )
    said = (
        f"The same weights can be re-assigned with the output kept, and then go {share.value:.0%} "
        f"({spread_of_share(share)}) as far as in random order; less than {asked:.0%} is asked."
    )
    found = part(said, share, asked, policy, wanted="below")
    if found.verdict == "supported" and not _certain(numbers, group, share, asked):
        open_ = " But it is not ruled out that one goes further: the certified bound does not clear it."
        return Part("undetermined", said, share, asked, "below", after=open_)
    return found


def _certain(numbers: Numbers, group: str, share: Estimate, asked: float) -> bool:
    """Whether the upper bound clears the threshold too: what was found is only a lower bound where these differ."""
    lower, upper = (
        numbers.get(("adversary", "same_weights", group, name)) for name in ("mean_jsd", "mean_upper_jsd")
    )
    if lower is None or upper is None or not lower.value or upper.value is None or share.high is None:
        return True
    return share.high * upper.value / lower.value < asked


def _far(numbers: Numbers, group: str) -> str:
    """On how many texts another attention does as well, by what was solved; nothing where only a search was run."""
    for kind in ("adversarial_exact", "adversarial_bracket"):
        far = numbers.get(("adversary", kind, group, "share_jsd_from_0.4"))
        if far is not None and far.value is not None:
            least = "at least " if kind == "adversarial_bracket" and far.value < 1 else ""
            return (
                f" Shown, not decisive: for {least}{far.value:.0%} of the texts some attention far from the model's "
                "own keeps the output within ε."
            )
    return ""
