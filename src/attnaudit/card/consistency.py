"""Question 4: would another training run have attended to the same words, and do these weights carry over?

Two numbers decide: how near the attention of other seeds lies, and whether a model that reads word by word does
better with these weights than with uniform ones. With one of them alone only "not supported" can be said.
"""

from __future__ import annotations

from attnaudit.card.answer import (
    RUN_COMPANIONS,
    Answer,
    Numbers,
    Part,
    answer_by,
    half_answered,
    not_answered,
    part,
    spread,
    spread_of_share,
)
from attnaudit.card.necessity import n_seeds
from attnaudit.named import AUDITED, OTHER_SEEDS
from attnaudit.spec.policy import Policy
from attnaudit.stats.inference import Estimate
from attnaudit.stats.seeds import FEWEST
from attnaudit.summary import OVERALL
from attnaudit.wording import counted

_QUESTION = "consistency"


def consistency(numbers: Numbers, group: str, policy: Policy) -> Answer:
    """By other seeds and by the guide."""
    seeds, guide = _seeds(numbers, group, policy), _guide(numbers, group, policy)
    if seeds is None and guide is None:
        said = f"The model was not trained from other seeds, nor its attention given to a guide; {RUN_COMPANIONS}"
        return not_answered(_QUESTION, group, "not run", said)
    answer = answer_by(_QUESTION, group, [one for one in (seeds, guide) if one], _beside(numbers, group))
    if seeds is None or guide is None:
        missing = "other seeds were" if seeds is None else "the guide was"
        return half_answered(answer, f"{missing} not run; {RUN_COMPANIONS}")
    return answer


def _seeds(numbers: Numbers, group: str, policy: Policy) -> Part | None:
    asked = policy.seed_distance
    share = numbers.get(("seeds", OTHER_SEEDS, group, "share_of_permuted"))
    if share is None:
        return None
    if share.value is None:
        said = "The attention of other seeds could not be compared on these texts."
        return Part("undetermined", said, share, asked, "below")
    others = n_seeds(numbers, "seeds", OTHER_SEEDS)
    of = f"{counted(others, 'other seed')}" if others else "other seeds"
    said = (
        f"The attention of {of} lies {share.value:.0%} ({spread_of_share(share)}) as far from this one as in random "
        f"order; less than {asked:.0%} is asked."
    )
    over_seeds = FEWEST <= others == share.n
    return part(said, share, asked, policy, wanted="below", over="seed" if over_seeds else "text")


def _guide(numbers: Numbers, group: str, policy: Policy) -> Part | None:
    asked = policy.guide_difference
    gain = numbers.get(("guide", f"{AUDITED} above uniform", group, "score_difference"))
    if gain is None:
        return None
    score = "accuracy" if group == OVERALL else "F1 of the class"
    if gain.value is None:
        return Part("undetermined", f"The {score} of the guide is not defined here.", gain, asked, "above")
    said = (
        f"A guide that reads word by word gains {gain.value:.3f} ({spread(gain)}) of {score} by this attention over "
        f"uniform weights{_scores(numbers, group)}; more than {asked:g} is asked."
    )
    over_seeds = n_seeds(numbers, "guide", f"{AUDITED} above uniform") >= FEWEST
    return part(said, gain, asked, policy, wanted="above", over="seed" if over_seeds else "text")


def _scores(numbers: Numbers, group: str) -> str:
    named = {
        AUDITED: "with this attention",
        "uniform": "with uniform weights",
        "own": "with weights of its own",
    }
    found: dict[str, Estimate | None] = {s: numbers.get(("guide", s, group, "score")) for s in named}
    said = [f"{one.value:.3f} {named[s]}" for s, one in found.items() if one and one.value is not None]
    return f" ({', '.join(said)})" if said else ""


def _beside(numbers: Numbers, group: str) -> str:
    beyond = numbers.get(("seeds", OTHER_SEEDS, group, "share_adversary_beyond"))
    if beyond is None or beyond.value is None:
        return ""
    return (
        f" Shown, not decisive: on {beyond.value:.0%} of the texts the furthest attention with the same output lies "
        "further away than any other seed."
    )
