"""A run → one HTML file that needs nothing else: no network, no server, no other file.

The page is made from the tables and the manifest alone. Scripts run by their hash only, so text from a corpus
can never become one; the same run gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from attnaudit.agreement import ANNOTATORS, CHANCE
from attnaudit.card import Answer
from attnaudit.card.controls import lead, lines
from attnaudit.drawing import HEATMAP_STYLE
from attnaudit.drawing.by_instance import adversary_kind, epsilons, gradient_measure
from attnaudit.drawing.document import document
from attnaudit.report import sentences, sheets, trainings
from attnaudit.report.asked import asked, has_paths, record, spec_text
from attnaudit.report.examples import examples
from attnaudit.report.figure_box import FigureBox, figure_box
from attnaudit.report.numbers import Number, Numbers, decimal, group_name, interval, numbers
from attnaudit.result import Result
from attnaudit.store import write_atomically
from attnaudit.summary import FAR, OVERALL

_HERE = Path(__file__).parent


def write_report(result: Result, path: str | Path | None = None) -> Path:
    """Write the report of a run and give its place.

    Args:
        result: the run.
        path: the file to write; `report.html` in the run folder where not given.

    Raises:
        StoreError: the run folder is altered, or the file cannot be written.
    """
    path = result.folder / "report.html" if path is None else Path(path)
    write_atomically(path, page(result).encode())
    return path


def page(result: Result) -> str:
    """The report as HTML."""
    filters: dict[str, Any] = {"group_name": group_name, "decimal": decimal, "interval": interval}
    return document(_HERE / "templates", _content(result), style=HEATMAP_STYLE, filters=filters)


def _content(result: Result) -> dict[str, Any]:
    manifest, found = result.manifest, numbers(result.tables["summary"])
    groups = result.groups
    n = len(result.per_instance)
    boxes = {name: figure_box(result, name) for name in _FIGURES}
    quality = sentences.quality(_quality(found), manifest["data"]["audited_split"], _majority(result))
    if result.imported and not _quality(found):
        quality = (
            "There is nothing to show: this needs both outputs and labels, and the file does not give them."
        )
    policy = result.policy
    uses = result.uses(policy)
    sections = _sections(result, found, groups, boxes)
    return {
        "title": f"Attention audit of {manifest['data']['corpus']}",
        "manifest": manifest,
        "imported": result.imported,
        "n": n,
        "answer": sentences.answer(result.card, n, manifest["data"]["corpus"], uses),
        "uses": uses,
        "questions": _questions(result.card),
        "controls_failed": lead(result.controls),
        "controls": lines(result.controls),
        "asked": asked(manifest, trainings.beside(result.evidence)),
        "quality": {
            "sentence": quality,
            "sheet": sheets.scores(found),
            "figures": [] if result.imported else [boxes["training"]],
        },
        "sections": sections,
        "place": _places(sections, first=3 if result.imported else 5),
        "examples": examples(result),
        "policy_of_card": policy,
        "other_seeds": any(experiment == "seeds" for experiment, *_ in found),
        "epsilon": epsilons(result).get(adversary_kind(result) or ""),
        "record": record(manifest),
        "companions": trainings.on_record(result.evidence),
        "spec": spec_text(manifest),
        "has_paths": has_paths(manifest),
    }


_FIGURES = (
    "training",
    "tau_gradient",
    "tau_leave_one_out",
    "tau_pairs",
    "permutation_violins",
    "adversary_histogram",
    "adversary_violins",
    "exact_against_search",
    "plausibility",
    *trainings.FIGURES,
)


def _sections(
    result: Result, found: Numbers, groups: tuple[str, ...], boxes: Mapping[str, FigureBox]
) -> dict[str, dict[str, Any]]:
    def of(experiment: str, subject: str, statistic: str) -> Any:
        return sheets.by_group(found, groups, experiment, subject, statistic)

    def tau(a: str, b: str) -> Any:
        return of("agreement", f"{a} ~ {b}", "mean") or of("agreement", f"{b} ~ {a}", "mean")

    gradient = gradient_measure(result) or "gradient"
    sections: dict[str, dict[str, Any]] = {
        "agreement": {
            "sentence": sentences.agreement(
                tau("attention", gradient),
                tau("attention", "leave_one_out"),
                tau(gradient, "leave_one_out"),
                reasons=_reasons(result.per_instance.agreement_statuses.get(("attention", gradient))),
            ),
            "more": "",
            "sheet": sheets.agreement(found, groups),
            "figures": [boxes["tau_gradient"], boxes["tau_leave_one_out"], boxes["tau_pairs"]],
        },
        "permutation": {
            "sentence": sentences.permutation(
                of("permutation", "permuted", "median_tvd"),
                of("permutation", "permuted", "share_flipped"),
                reasons=_reasons(result.per_instance.counterfactual_statuses.get("permuted")),
            ),
            "more": sentences.uniform(
                of("uniform", "uniform", "median_tvd"), of("uniform", "uniform", "share_flipped")
            ),
            "why": sentences.dispersion(
                of("permutation", "dispersion of logit", "median"),
                of("permutation", "dispersion of attention", "share_of_log_variance"),
                of("permutation", "dispersion of evidence", "share_of_log_variance"),
            ),
            "sheet": sheets.permutation(found, groups),
            "dispersion": sheets.dispersion(found, groups),
            "figures": [boxes["permutation_violins"]],
        },
        "adversary": _adversary(result, found, groups, boxes),
    }
    removed = sheets.removal(found, groups)
    if removed.rows:
        answer = next(a for a in result.card if a.question == "removal" and a.group == OVERALL)
        sections["removal"] = {"sentence": answer.sentence, "sheet": removed}
    measures = list(
        dict.fromkeys(s for e, s, _, _ in found if e == "plausibility" and s not in (CHANCE, ANNOTATORS))
    )
    if measures:
        whole = {measure: of("plausibility", measure, "precision_at_k").get(OVERALL) for measure in measures}

        def beside(metric: str) -> list[Number | None]:
            subjects = ("attention", CHANCE, ANNOTATORS)
            return [found.get(("plausibility", subject, OVERALL, metric)) for subject in subjects]

        sections["evidence"] = {
            "sentence": sentences.evidence(
                {measure: number for measure, number in whole.items() if number is not None},
                found.get(("plausibility", CHANCE, OVERALL, "precision_at_k")),
                of("plausibility", "attention", "precision_at_k"),
            ),
            "more": sentences.selection(*beside("token_f1"), iou=beside("iou_f1")),
            "sheet": sheets.evidence(found, groups),
            "figures": [boxes["plausibility"]],
        }
    if seen := trainings.representation(found, groups):
        sections["representation"] = seen
    if trained := trainings.trainings(found, groups, boxes):
        sections["trainings"] = trained
    return sections


def _adversary(
    result: Result, found: Numbers, groups: tuple[str, ...], boxes: Mapping[str, FigureBox]
) -> dict[str, Any]:
    kind = adversary_kind(result) or "adversarial_exact"
    epsilon = epsilons(result)

    def of(statistic: str) -> dict[str, Number]:
        return sheets.by_group(found, groups, "adversary", kind, statistic)

    def overall(subject: str, statistic: str) -> Number | None:
        return found.get(("adversary", subject, OVERALL, statistic))

    said = [
        sentences.search_gap(
            overall(f"{solved} above {search}", "mean_jsd"),
            overall(f"{solved} above {search}", "least_jsd"),
            solved=solved,
            search=name,
        )
        for solved, (search, name) in product(("exact", "bracket"), _SEARCHES.items())
    ]
    paper = "adversarial_paper"
    if kind != paper and epsilon.get(kind) != epsilon.get(paper):
        said.append(sentences.published_search(overall(paper, "mean_jsd"), epsilon.get(paper)))
    beyond = [boxes["exact_against_search"]] if boxes["exact_against_search"].still else []
    return {
        "sentence": sentences.adversary(
            of(f"share_jsd_from_{FAR[0]:g}"),
            of("mean_jsd"),
            far=FAR[0],
            epsilon=epsilon.get(kind),
            kind=kind,
            upper=of("mean_upper_jsd"),
            reasons=_reasons(result.per_instance.counterfactual_statuses.get(kind)),
        ),
        "more": " ".join(filter(None, said)),
        "tightness": sentences.bracket(overall(kind, "mean_width"), overall(kind, "share_certified")),
        "same_weights": sentences.same_weights(
            sheets.by_group(found, groups, "adversary", "same_weights", "mean_jsd"),
            sheets.by_group(found, groups, "adversary", "same_weights", "mean_upper_jsd"),
            overall("same_weights", "share_certified"),
            epsilon=epsilon.get("same_weights"),
            free=overall("adversarial_exact", "mean_jsd")
            if epsilon.get("adversarial_exact") == epsilon.get("same_weights")
            else None,
            reasons=_reasons(result.per_instance.counterfactual_statuses.get("same_weights")),
        ),
        "sheet": sheets.adversary(found, groups, epsilon),
        "same_weights_sheet": sheets.same_weights(found, groups, epsilon.get("same_weights")),
        "bracket": sheets.bracket(found, groups),
        "figures": [boxes["adversary_histogram"], boxes["adversary_violins"], *beyond],
    }


_SEARCHES = {"search": "the paper’s search", "paper": "the search as published"}


def _places(sections: Mapping[str, Any], *, first: int) -> dict[str, int]:
    """The numbers of the sections that are there only where something was run; the others come before them."""
    there = (name for name in ("removal", "evidence", "representation", "trainings") if name in sections)
    return {name: number for number, name in enumerate(there, start=first)}


def _questions(answers: list[Answer]) -> list[dict[str, Any]]:
    """The card: each question with its answer for all texts, and the classes' answers below."""
    return [
        {
            "whole": answer,
            "classes": [a for a in answers if a.question == answer.question and a.group != OVERALL],
        }
        for answer in answers
        if answer.group == OVERALL
    ]


def _quality(found: Numbers) -> dict[str, Any]:
    return {metric: number for (experiment, _, _, metric), number in found.items() if experiment == "quality"}


def _majority(result: Result) -> float | None:
    """Share of the most frequent gold class among the audited texts."""
    target = result.per_instance.target
    counts = np.bincount(target[target >= 0])
    return int(counts.max()) / int(counts.sum()) if len(counts) else None


def _reasons(statuses: Mapping[str, int] | None) -> dict[str, int]:
    """How often each status other than `ok` was found."""
    return {status: count for status, count in (statuses or {}).items() if status != "ok"}
