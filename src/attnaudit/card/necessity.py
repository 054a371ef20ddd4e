"""Question 3: does the model need learned attention at all? Held against one trained with uniform attention."""

from __future__ import annotations

from attnaudit.card.answer import RUN_COMPANIONS, Answer, Numbers, answer_by, not_answered, part, spread
from attnaudit.named import AUDITED
from attnaudit.spec.policy import Policy
from attnaudit.stats.seeds import FEWEST
from attnaudit.summary import OVERALL

_QUESTION, _UNIFORM = "necessity", "uniform model"


def necessity(numbers: Numbers, group: str, policy: Policy) -> Answer:
    """By the score that is lost where attention is uniform from training on."""
    asked = policy.score_difference
    lost = numbers.get((_UNIFORM, _UNIFORM, group, "score_difference"))
    if lost is None:
        said = f"No model with uniform attention was trained beside this one; {RUN_COMPANIONS}"
        return not_answered(_QUESTION, group, "not run", said)
    score = "accuracy" if group == OVERALL else "F1 of the class"
    if lost.value is None:
        said = f"The {score} of this model or of the one with uniform attention is not defined here."
        return not_answered(_QUESTION, group, "undetermined", said, threshold=asked)
    pairs = n_seeds(numbers, _UNIFORM, _UNIFORM)
    over_seeds = pairs >= FEWEST
    if over_seeds:
        lost = lost._replace(n=pairs)
    over = (
        f"the interval is over {pairs} pairs of trainings"
        if over_seeds
        else "the interval is over the texts and says nothing about other seeds"
    )
    said = (
        f"Trained with uniform attention instead, the model loses {lost.value:.3f} ({spread(lost)}) of {score}"
        f"{_scores(numbers, group)}; at least {asked:.3f} is asked, and {over}."
    )
    return answer_by(
        _QUESTION, group, [part(said, lost, asked, policy, over="seed" if over_seeds else "text")]
    )


def n_seeds(numbers: Numbers, experiment: str, subject: str) -> int:
    """How many models an experiment trained; 0 where it does not say."""
    found = numbers.get((experiment, subject, OVERALL, "n_seeds"))
    return 0 if found is None or found.value is None else int(found.value)


def _scores(numbers: Numbers, group: str) -> str:
    own, uniform = (numbers.get((_UNIFORM, subject, group, "score")) for subject in (AUDITED, _UNIFORM))
    if own is None or uniform is None or own.value is None or uniform.value is None:
        return ""
    return f", {own.value:.3f} with its own and {uniform.value:.3f} with uniform attention"
