"""What other trainings of the model show, one plain sentence each, and what the model looks like from within.

As in `sentences`: the numbers decide the wording, and where an interval reaches over two words both are said.
"""

from __future__ import annotations

from collections.abc import Mapping

from attnaudit.card import Policy
from attnaudit.named import AUDITED, OTHER_SEEDS
from attnaudit.report.numbers import (
    Number,
    Numbers,
    decimal,
    percent,
    percent_interval,
    with_interval,
)
from attnaudit.report.sentences import class_difference, missing, words
from attnaudit.stats.seeds import FEWEST
from attnaudit.summary import OVERALL
from attnaudit.summary.trainings import furthest_imitation, most_change
from attnaudit.wording import counted

ALIKE = (
    (0.25, "much the same words"),
    (Policy().seed_distance, "partly the same words"),
    (0.9, "largely other words"),
    (None, "words that have no more in common than chance would give"),
)
"""How alike two attentions are, by their distance as a share of that to random words; 0.5 is asked by default."""

DIRECTIONS = (
    (0.3, "point in many directions"),
    (0.6, "point partly the same way"),
    (None, "point much the same way"),
)
"""How the states of a text lie, by conicity. Our words."""

EVENNESS = (
    (0.5, "lies on few words"),
    (0.8, "is spread unevenly"),
    (0.95, "is spread over most words"),
    (None, "is nearly uniform"),
)
"""How attention is spread, by its entropy as a share of the most that there can be. Our words."""

NEARLY_UNIFORM = 0.95
"""From this share of the largest entropy on, distances between attentions say little."""


def over(number: Number, n_seeds: int, noun: str = "seed") -> str:
    """What an interval is over, and of how many: `3 seeds`, `200 texts`."""
    return counted(number.n, noun if FEWEST <= n_seeds == number.n else "text")


def caveat(n_seeds: int, pairs: str) -> str:
    """What an interval says about training again; `pairs` is what it would be over."""
    if n_seeds >= FEWEST:
        return f"The intervals are over {n_seeds} {pairs} (Student’s t), unless texts are named."
    return (
        f"The intervals are over the texts and say nothing about training again: for that there must be {FEWEST} "
        f"{pairs}, and here there {'is' if n_seeds == 1 else 'are'} {n_seeds}."
    )


def flat(entropy_share: Number | None) -> str:
    """That nearly uniform attentions lie near each other whatever they say; nothing where attention is not so."""
    if entropy_share is None or entropy_share.value is None or entropy_share.value < NEARLY_UNIFORM:
        return ""
    return (
        f" But the attention of this model is nearly uniform (its entropy is {percent(entropy_share.value)} of the "
        "most that there can be), and such attentions lie near each other whatever words they prefer: a small "
        "distance says little here."
    )


def representation(quantities: Mapping[str, Number]) -> str:
    """What states and attention look like, by quantity; all texts."""
    defined = {name: number for name, number in quantities.items() if number.value is not None}
    said = []
    if conicity := defined.get("conicity"):
        said.append(
            f"The states of a text {words(conicity, DIRECTIONS)} (conicity {with_interval(conicity, 2)}, at most 1)"
        )
    if share := defined.get("entropy_share"):
        entropy = defined.get("attention_entropy")
        nats = "" if entropy is None else f"{decimal(entropy.value, 2)} nats, "
        said.append(
            f"{'its' if said else 'The'} attention {words(share, EVENNESS)} (entropy {nats}{percent(share.value)} of "
            "the most that there can be)"
        )
    if marks := defined.get("punctuation_mass"):
        said.append(f"{percent(marks.value)} of it lies on punctuation")
    if not said:
        return "There is nothing to show: neither states nor attention of this model can be read."
    text = " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
    special = defined.get("special_mass")
    if special is not None and (special.value or 0.0) > 0:
        text += (
            f"; start and end markers have {percent(special.value)} of the whole and are left out elsewhere"
        )
    return f"{text}.{flat(defined.get('entropy_share'))}"


def seeds(
    share: Mapping[str, Number],
    distance: Number | None,
    moved: Number | None,
    beyond: Number | None,
    *,
    n_seeds: int,
    entropy_share: Number | None = None,
) -> str:
    """How alike the attention of other seeds is.

    Args:
        share: its distance as a share of that to its own weights on random words, by group.
        distance: its mean JSD.
        moved: the mean TVD of the outputs.
        beyond: the share of texts on which the furthest attention with the same output lies beyond every seed.
        n_seeds: how many other seeds there are.
        entropy_share: the entropy of the model's attention as a share of the largest.
    """
    whole = share.get(OVERALL)
    if whole is None or whole.value is None or distance is None or distance.value is None:
        output = (
            "" if moved is None or moved.value is None else f" Outputs move by {with_interval(moved)} (TVD)."
        )
        return f"The attention of other seeds could not be compared on any text.{output}"
    text = (
        f"Trained from {counted(n_seeds, 'other seed')}, the model attends to {words(whole, ALIKE)}: its attention "
        f"lies {with_interval(distance)} nats away on average, {_shared(whole)} as far as the "
        "same weights on random words"
    )
    if moved is not None and moved.value is not None:
        text += f"; the output moves by {with_interval(moved)} (TVD)"
    text += missing(whole.undefined) + "."
    if beyond is not None and beyond.value is not None:
        text += (
            f" On {_shared(beyond)} of the texts the furthest attention with the same output lies "
            "further away than any of these seeds"
        )
        text += (
            ": what can be found for a single text is more than training again gives."
            if (beyond.low or 0.0) > 0.5
            else "."
        )
    return text + class_difference(share, "this share", said=_shared) + flat(entropy_share)


def uniform(own: Number | None, other: Number | None, lost: Mapping[str, Number], *, n_seeds: int) -> str:
    """What is lost where attention stays uniform from training on; `lost` by group (of a class it is F1)."""
    whole = lost.get(OVERALL)
    if whole is None or whole.value is None:
        return "A model with uniform attention was trained, but no difference of accuracy is defined."
    text = (
        f"Trained with attention that stays uniform, the model {_than(whole, 'loses', 'gains')} of accuracy"
        f"{_settled(whole)}{_of(own, 'with learned attention', other, 'with uniform attention')}; "
        f"{counted(n_seeds, 'pair')} of trainings."
    )
    return text + class_difference(lost, "the loss of F1")


def guide(scores: Mapping[str, Number], gain: Mapping[str, Number], *, n_seeds: int) -> str:
    """Whether a model that reads word by word is helped by this attention; scores by where its attention is from."""
    whole = gain.get(OVERALL)
    if whole is None or whole.value is None:
        return "Guides were trained, but no difference of accuracy between them is defined."
    own = scores.get("own")
    learned = ""
    if own is not None and own.value is not None:
        learned = f"; with attention that it learns itself it reaches {decimal(own.value)}"
    both = _of(scores.get(AUDITED), "with this attention", scores.get("uniform"), "with uniform weights")
    text = (
        f"A model that reads word by word {_than(whole, 'gains', 'loses')} of accuracy by this attention over "
        f"uniform weights{_settled(whole)}{both}{learned}; {counted(n_seeds, 'pair')} of trainings."
    )
    return text + class_difference(gain, "the gain in F1")


def imitation(found: Numbers) -> str:
    """How far models went that were trained to keep the outputs and attend elsewhere; all texts.

    The yardstick is what varies between seeds by itself: the outputs must not move more than that, and the distance
    is held against theirs.
    """
    moved = {subject: number for (e, subject, g, s), number in found.items() if (e, g, s) == _MOVED}
    distances = {
        subject: found.get(("imitation", subject, OVERALL, "mean_jsd"), Number(None)) for subject in moved
    }
    if all(number.value is None for number in distances.values()):
        return "Imitations were trained, but their attention could not be compared on any text."
    beside, most = found.get(("seeds", OTHER_SEEDS, OVERALL, "mean_jsd")), most_change(found, OVERALL)
    by_seeds = ("seeds", OTHER_SEEDS, OVERALL, "mean_tvd") in found
    bound = f"those of other seeds (TVD {decimal(most)})" if by_seeds else f"TVD {decimal(most)}"
    best = furthest_imitation(found, OVERALL)
    if best is None:
        least = min((n for n in moved.values() if n.value is not None), key=lambda n: n.value or 0.0)
        return (
            "The outputs of every model that was trained to give the same ones with other attention move more than "
            f"{bound}: by {with_interval(least)} at least."
        )
    text = (
        f"Of {counted(len(moved), 'model')} trained to give the same outputs with other attention, the furthest "
        f"whose outputs move no more than {bound} attends {with_interval(distances[best])} nats away "
        f"({best.replace('weight', 'λ =')}; output change {decimal(moved[best].value)})"
    )
    if beside is not None and beside.value is not None:
        text += f", {_beside(distances[best], beside)} ({with_interval(beside)})"
    return f"{text}.{flat(found.get(('representation', 'base', OVERALL, 'mean_entropy_share')))}"


_MOVED = ("imitation", OVERALL, "mean_tvd")


def deception(before: Number | None, after: Number | None, score: Number | None, lost: Number | None) -> str:
    """Whether attention can be taken off words, and what that costs.

    Args:
        before: share of attention on the words to be hidden, in the audited model, …
        after: … and in the one trained to hide them.
        score: accuracy of the latter, …
        lost: … and how much higher that of the audited model is.
    """
    if before is None or after is None or before.value is None or after.value is None:
        return "A model was trained to hide words, but in no text there is attention on any."
    text = (
        f"Trained to hide them, the model spends {_shared(after)} of its attention on the words in question, where "
        f"the audited one spends {_shared(before)}"
    )
    if lost is None or lost.value is None or score is None or score.value is None:
        return f"{text}; its accuracy is not known."
    cost = Policy().score_difference
    text += (
        f", and is right on {percent(score.value)} of the texts instead of {percent(score.value + lost.value)} "
        f"({_than(lost, 'a loss of', 'a gain of')})"
    )
    fell = before.low is not None and after.high is not None and after.high < before.low
    if not fell:
        return f"{text}: it was not brought to attend away from them."
    if lost.low is not None and lost.low > cost:
        return (
            f"{text}: attending away from them costs predictions, so here the model needs to attend to them."
        )
    if lost.high is not None and lost.high <= cost:
        return (
            f"{text}: it decides as well while attending to them less, so little attention is not little use."
        )
    return f"{text}: whether that costs predictions is not settled."


# --- pieces ----------------------------------------------------------------------------------------------


def _than(difference: Number, up: str, down: str) -> str:
    """`loses 0.050 [0.040, 0.060]`, or the other way round where it is below 0."""
    if (difference.value or 0.0) >= 0:
        return f"{up} {with_interval(difference)}"
    low, high = (None if end is None else -end for end in (difference.high, difference.low))
    return f"{down} {with_interval(Number(-(difference.value or 0.0), low, high))}"


def _settled(difference: Number) -> str:
    """That a difference may as well be none, where its interval holds 0."""
    if difference.low is None or difference.high is None or not difference.low <= 0 <= difference.high:
        return ""
    return ", which cannot be told from no difference"


def _of(first: Number | None, what: str, second: Number | None, other: str) -> str:
    """` (0.940 with …, 0.890 with …)`."""
    if first is None or second is None or first.value is None or second.value is None:
        return ""
    return f" ({decimal(first.value)} {what}, {decimal(second.value)} {other})"


def _beside(number: Number, yardstick: Number) -> str:
    """How far an imitation is beside other seeds: further or less far only where the intervals are apart."""
    low, high = (end if end is not None else yardstick.value for end in (yardstick.low, yardstick.high))
    assert low is not None
    assert high is not None
    if number.low is not None and number.low > high:
        return "further than other seeds lie"
    if number.high is not None and number.high < low:
        return "not as far as other seeds lie"
    return "about as far as other seeds lie"


def _shared(number: Number) -> str:
    """`34% (30% to 38%)`, without brackets where these would say nothing more."""
    value = percent(number.value)
    if number.low is None or {percent(number.low), percent(number.high)} == {value}:
        return value
    return f"{value} ({percent_interval(number)})"
