"""One number an instance, and the groups that instances fall into: what most figures start from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attnaudit.named import gradient_of
from attnaudit.result import Result
from attnaudit.summary import OVERALL, predicted


@dataclass(frozen=True, slots=True)
class Group:
    """Instances that are drawn together: a predicted class, or all."""

    name: str
    members: np.ndarray  # bool, one an instance


def groups(result: Result) -> list[Group]:
    """The predicted classes where the summary tells them apart, else all instances as one group."""
    prediction = result.per_instance.prediction
    known = set(result.groups)
    found = [
        Group(predicted(name), prediction == k)
        for k, name in enumerate(result.classes)
        if predicted(name) in known
    ]
    return found or [Group(OVERALL, np.ones(len(prediction), dtype=bool))]


def gradient_measure(result: Result) -> str | None:
    """The gradient that stands for gradients in the figures: the first that was measured."""
    return gradient_of(result.per_instance.measures)


def tau(result: Result, a: str, b: str) -> np.ndarray:
    """Agreement of two measures on each instance, in whichever order they were measured; NaN where undefined."""
    numbers = result.per_instance
    nothing = np.full(len(numbers), np.nan)
    return numbers.tau.get((a, b), numbers.tau.get((b, a), nothing))


def adversary(result: Result, kind: str) -> np.ndarray:
    """ε-max JSD of each instance by one kind of adversary; NaN where there is none."""
    return result.per_instance.counterfactual(kind, "attention_jsd")


def certified_upper(result: Result) -> np.ndarray:
    """What the bracket says that no attention of each instance is beyond; NaN where there is no such bound."""
    return result.per_instance.counterfactual("adversarial_bracket", "certified_upper_jsd")


def epsilons(result: Result) -> dict[str, float]:
    """The bound on the output change that each kind of adversary was asked with."""
    return dict(result.per_instance.epsilon)


def adversary_kind(result: Result) -> str | None:
    """The adversary that is shown: the exact one where it was run, else the bracket, else a search."""
    statuses = result.per_instance.counterfactual_statuses
    kinds = {kind for kind, counts in statuses.items() if set(counts) - {"unsupported"}}
    shown = ("adversarial_exact", "adversarial_bracket", "adversarial_search", "adversarial_paper")
    return next((kind for kind in shown if kind in kinds), None)


def permutation(result: Result) -> np.ndarray:
    """Median output TVD over the permutations of each instance; NaN where there is none."""
    return result.per_instance.counterfactual("permuted", "output_tvd")


def other_seeds(result: Result) -> tuple[np.ndarray, np.ndarray]:
    """How far the attention of other seeds lies from the model's on each instance, and how far it would on random
    words; JSD, means over the seeds, NaN where there is none."""
    found = result.per_instance.diagnostic
    nothing = np.full(len(result.per_instance), np.nan)
    each = (
        [values for (kind, _, name), values in found.items() if (kind, name) == ("seeds", quantity)]
        for quantity in ("attention_jsd", "permuted_jsd")
    )
    near, chance = (np.mean(values, axis=0) if values else nothing for values in each)
    return near, chance


def max_attention(result: Result) -> np.ndarray:
    """The largest attention weight of each instance; NaN where attention was not measured."""
    return result.per_instance.largest_attention
