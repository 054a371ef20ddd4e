"""The sections on what was trained beside the audited model, each where it was run, and on what its states show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from attnaudit.named import AUDITED, HIDING, OTHER_SEEDS
from attnaudit.report import sheets, trainings_said, trainings_sheets
from attnaudit.report.asked import Facts
from attnaudit.report.figure_box import FigureBox
from attnaudit.report.numbers import Number, Numbers
from attnaudit.summary import OVERALL
from attnaudit.wording import counted

FIGURES = ("seeds", "imitation")


def representation(found: Numbers, groups: tuple[str, ...]) -> dict[str, Any]:
    """What is said of states and attention of the model itself; empty where that was not stored."""
    sheet = trainings_sheets.representation(found, groups)
    if not sheet.rows:
        return {}
    quantities = {
        statistic.removeprefix("mean_"): number
        for (experiment, _, group, statistic), number in found.items()
        if (experiment, group) == ("representation", OVERALL)
    }
    return {"sentence": trainings_said.representation(quantities), "sheet": sheet}


def trainings(
    found: Numbers, groups: tuple[str, ...], boxes: Mapping[str, FigureBox]
) -> dict[str, dict[str, Any]]:
    """What is said of each kind of other training, by its kind; without those that were not run."""
    run = {experiment for experiment, *_ in found}
    made: dict[str, Callable[[Numbers, tuple[str, ...]], dict[str, Any]]] = {
        "seeds": partial(_seeds, boxes=boxes),
        "uniform model": _uniform,
        "guide": _guide,
        "imitation": partial(_imitation, boxes=boxes),
        "deception": _deception,
    }
    return {kind.replace(" model", ""): make(found, groups) for kind, make in made.items() if kind in run}


def on_record(evidence: Mapping[str, Any] | None) -> dict[str, Any]:
    """The runs beside this one for the record: what was asked, each run with its time, and those that failed."""
    if not evidence:
        return {}
    asked, trained = evidence.get("asked", {}), evidence["trainings"]
    facts: Facts = [
        ("Trainings asked for", _asked(asked)),
        (
            "Seconds of training in all",
            f"{sum(one.get('training_seconds', 0.0) for one in trained):,.1f} ({counted(len(trained), 'run')})",
        ),
    ]
    if controls := evidence["controls"]:
        runs = "; ".join(f"{control['name']} {control.get('run', '')}".rstrip() for control in controls)
        facts.append(("Controls", runs))
    return {
        "facts": facts,
        "sheet": trainings_sheets.companions(evidence),
        "failed": list(evidence.get("failed", {}).items()),
    }


def beside(evidence: Mapping[str, Any] | None) -> str:
    """What was trained beside the audited model, for what was asked; nothing where nothing was."""
    trained = (evidence or {}).get("trainings", ())
    kinds = list(dict.fromkeys(one["kind"] for one in trained))
    number = {kind: sum(one["kind"] == kind for one in trained) for kind in kinds}
    return ", ".join(f"{_KINDS.get(kind, kind)} {number[kind]:,}" for kind in kinds)


_KINDS = {
    "seeds": "other seeds",
    "uniform": "uniform attention",
    "guide": "guides",
    "imitation": "imitations",
}


def _asked(asked: Mapping[str, Any]) -> str:
    kinds = list(asked.get("kinds", ()))
    said = [counted(asked.get("seeds", 1), "seed"), *kinds]
    if "imitation" in kinds:
        said.append(f"λ {', '.join(f'{weight:g}' for weight in asked.get('imitation', ()))}")
    if "deception" in kinds:
        said.append(f"words to hide: {', '.join(asked.get('hide', ())) or 'the known evidence'}")
    return "; ".join(said)


def _seeds(found: Numbers, groups: tuple[str, ...], boxes: Mapping[str, FigureBox]) -> dict[str, Any]:
    of = partial(_of, found, "seeds", OTHER_SEEDS)
    n = _count(of("n_seeds"))
    return {
        "sentence": trainings_said.seeds(
            sheets.by_group(found, groups, "seeds", OTHER_SEEDS, "share_of_permuted"),
            of("mean_jsd"),
            of("mean_tvd"),
            of("share_adversary_beyond"),
            n_seeds=n,
            entropy_share=_entropy_share(found),
        ),
        "caveat": trainings_said.caveat(n, "other seeds"),
        "sheet": trainings_sheets.seeds(found, groups, n),
        "figures": [boxes["seeds"]],
    }


def _uniform(found: Numbers, groups: tuple[str, ...]) -> dict[str, Any]:
    name = "uniform model"
    n = _count(_of(found, name, name, "n_seeds"))
    return {
        "sentence": trainings_said.uniform(
            _of(found, name, AUDITED, "score"),
            _of(found, name, name, "score"),
            sheets.by_group(found, groups, name, name, "score_difference"),
            n_seeds=n,
        ),
        "caveat": trainings_said.caveat(n, "pairs of trainings"),
        "sheet": trainings_sheets.uniform(found, groups, n),
    }


def _guide(found: Numbers, groups: tuple[str, ...]) -> dict[str, Any]:
    above = f"{AUDITED} above uniform"
    n = _count(_of(found, "guide", above, "n_seeds"))
    scores = {
        source: number
        for source in (AUDITED, "uniform", "own")
        if (number := _of(found, "guide", source, "score")) is not None
    }
    gain = sheets.by_group(found, groups, "guide", above, "score_difference")
    return {
        "sentence": trainings_said.guide(scores, gain, n_seeds=n),
        "caveat": trainings_said.caveat(n, "pairs of trainings"),
        "sheet": trainings_sheets.guide(found, groups, n),
    }


def _imitation(found: Numbers, groups: tuple[str, ...], boxes: Mapping[str, FigureBox]) -> dict[str, Any]:
    return {
        "sentence": trainings_said.imitation(found),
        "sheet": trainings_sheets.imitation(found, groups),
        "figures": [boxes["imitation"]],
    }


def _deception(found: Numbers, groups: tuple[str, ...]) -> dict[str, Any]:
    return {
        "sentence": trainings_said.deception(
            _of(found, "deception", AUDITED, "mean_hidden_mass"),
            _of(found, "deception", HIDING, "mean_hidden_mass"),
            _of(found, "deception", HIDING, "score"),
            _of(found, "deception", f"{AUDITED} above {HIDING}", "score_difference"),
        ),
        "sheet": trainings_sheets.deception(found, groups),
    }


def _of(found: Numbers, experiment: str, subject: str, statistic: str) -> Number | None:
    return found.get((experiment, subject, OVERALL, statistic))


def _count(number: Number | None) -> int:
    return 0 if number is None or number.value is None else int(number.value)


def _entropy_share(found: Numbers) -> Number | None:
    return _of(found, "representation", AUDITED, "mean_entropy_share")
