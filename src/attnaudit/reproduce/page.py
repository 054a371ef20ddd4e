"""A reproduction → one HTML file that needs nothing else, as the report of a run does: no network, no other file.

Its look is the report's: it takes over that style sheet and adds its own. Charts are drawn when their place is
opened; specifications that only differ in their rows are held once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from attnaudit.drawing.document import document
from attnaudit.reproduce import documents, findings, matrix, published, ran
from attnaudit.reproduce.errata import EFFECTS, ERRATA
from attnaudit.reproduce.figures import FIGURES, SIDES, both_sides
from attnaudit.reproduce.findings import STATEMENTS, Finding
from attnaudit.reproduce.matrix import SYMBOLS
from attnaudit.reproduce.published import (
    BINS,
    BRACKET_CERTIFIED,
    BRACKET_WIDTH,
    FAR,
    JSD_BINS_TVD,
    JSD_SHARE,
    JSD_WASSERSTEIN,
    PERMUTATION,
)
from attnaudit.reproduce.study import Study
from attnaudit.reproduce.words import (
    encoder_name,
    file_name,
    kind,
    model_name,
)

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Part:
    """One section on a kind of number: what is shown at once, what is folded away, and its figure."""

    id: str
    short: str
    title: str
    text: str
    shown: tuple[str, ...]
    folded: tuple[str, ...] = ()
    figure: str | None = None

    @property
    def quantities(self) -> tuple[str, ...]:
        """Everything in the section."""
        return (*self.shown, *self.folded)


_PERMUTATION_BINS = tuple(published.permutation_quantity(low, high) for low, high in BINS)

PARTS = (
    Part(
        "scores",
        "Test scores",
        "Test scores",
        "How good the models are. Where a model is worse than the published one, its attention need not be that "
        "of the published one either.",
        ("accuracy", "f1"),
        ("roc_auc", "average_precision", published.TABLE1_PERFORMANCE),
    ),
    Part(
        "gradient",
        "Gradient",
        "Attention and gradient",
        "Kendall’s τ between the attention of a text and the size of the gradient at each word: 1 is the same "
        "order, 0 none in common. Groups are the classes that a model predicts.",
        ("attention_gradient_tau_mean",),
        ("attention_gradient_tau_std", "attention_gradient_tau_share_significant"),
        "attention_gradient",
    ),
    Part(
        "leave-one-out",
        "Leave-one-out",
        "Attention and leave-one-out",
        "Kendall’s τ between the attention of a text and how far the output moves when a word is left out.",
        ("attention_leave_one_out_tau_mean",),
        ("attention_leave_one_out_tau_std", "attention_leave_one_out_tau_share_significant"),
        "attention_leave_one_out",
    ),
    Part(
        "ceiling",
        "Ceiling",
        "Gradient and leave-one-out",
        "How well the two yardsticks agree with each other. For the models of the paper this was not published.",
        ("gradient_leave_one_out_tau_mean",),
        ("gradient_leave_one_out_tau_std", "gradient_leave_one_out_tau_share_significant"),
    ),
    Part(
        "permutation",
        "Permutation",
        "Permuted attention",
        "The median over texts of the median output change over 100 permutations of a text’s weights, by the largest "
        "weight. Bins without a text are left out.",
        (_PERMUTATION_BINS[0],),
        (*_PERMUTATION_BINS[1:], PERMUTATION),
        "permutation",
    ),
    Part(
        "adversary",
        "Adversary",
        "Adversarial attention, by the paper’s search",
        "How many texts have another attention that is far from the model’s own and leaves the output within ε, "
        "found and selected as the published code does.",
        (JSD_SHARE,),
        (JSD_WASSERSTEIN, JSD_BINS_TVD),
        "adversary",
    ),
    Part(
        "optimum",
        "Optimum",
        "Adversarial attention, at most",
        "A finding of our own: the exact optimum where the output is linear in attention, certified bounds "
        "elsewhere. The published search falls short of it, so the two are never held against each other.",
        (
            f"exact_jsd_share_from_{FAR}",
            f"bracket_low_jsd_share_from_{FAR}",
            f"bracket_high_jsd_share_from_{FAR}",
            BRACKET_WIDTH,
            BRACKET_CERTIFIED,
        ),
    ),
)


def page(study: Study, table: pa.Table, found: Sequence[Finding], *, command: str = "") -> str:
    """The reproduction as HTML.

    Args:
        study: the cells and their runs.
        table: what `compare` made of them.
        found: what `findings` made of them.
        command: the command that made the runs, to be shown.
    """
    return document(
        _HERE / "templates",
        _content(study, table, found, command),
        style=(_HERE / "templates" / "page.css").read_text(encoding="utf-8"),
        names={"symbols": SYMBOLS, "encoder_name": encoder_name, "effect_style": kind},
    )


def _content(study: Study, table: pa.Table, found: Sequence[Finding], command: str) -> dict[str, Any]:
    rows = table.to_pylist()
    charts = _Charts()
    parts = [made for part in PARTS if (made := _part(part, study, rows, charts)) is not None]
    touched = {id: sum(id in row["reason"] for row in rows) for id in ERRATA}
    return {
        "title": "“Attention is not Explanation”, run again",
        "answer": documents.tally(rows),
        "statements": [_statement(number, found) for number in STATEMENTS],
        "parts_list": parts,
        "sizes": matrix.of_sizes(rows),
        "runs": ran.models(study),
        "facts": ran.facts(study, command),
        "errata": [(erratum, touched[erratum.id]) for erratum in ERRATA.values() if touched[erratum.id]],
        "other_errata": [erratum for erratum in ERRATA.values() if not touched[erratum.id]],
        "effects": EFFECTS,
        "sources": {name: text for name, text in published.sources().items() if text},
        "charts": charts.json(),
        "little": findings.LITTLE,
        "far": FAR,
        "fewest": findings.FEWEST,
    }


def _statement(statement: int, found: Sequence[Finding]) -> dict[str, Any]:
    own = [finding for finding in found if finding.statement == statement]
    parts = list(dict.fromkeys(finding.part for finding in own))
    matrices = [m for part in parts if (m := matrix.of_findings(own, part)) is not None]
    return {
        "number": statement,
        "sentence": STATEMENTS[statement],
        "said": documents.said(found, statement),
        "verdict": findings.overall(found, statement),
        "matrices": matrices,
    }


def _part(
    part: Part, study: Study, rows: Sequence[Mapping[str, Any]], charts: _Charts
) -> dict[str, Any] | None:
    shown = [m for q in part.shown if (m := matrix.of_quantity(rows, q)) is not None]
    folded = [m for q in part.folded if (m := matrix.of_quantity(rows, q)) is not None]
    if not shown and not folded:
        return None
    return {
        "id": part.id,
        "short": part.short,
        "title": part.title,
        "text": part.text,
        "shown": shown or folded[:1],
        "folded": folded if shown else folded[1:],
        "counts": matrix.verdicts(rows, part.quantities),
        "errata": matrix.needed(rows, part.quantities),
        "figures": _figures(part.figure, study, charts) if part.figure else [],
        "caption": FIGURES[part.figure].caption if part.figure else "",
    }


# --- charts ----------------------------------------------------------------------------------------------


class _Charts:
    """Specifications without their rows, each once, and for every chart its rows."""

    def __init__(self) -> None:
        self._templates: dict[str, int] = {}
        self._charts: list[dict[str, Any]] = []

    def add(self, spec: dict[str, Any]) -> int:
        """Take in a chart and give its number."""
        rows = spec.pop("datasets")[spec["data"]["name"]]
        spec["data"] = {"name": "rows"}
        text = json.dumps(spec, ensure_ascii=False, sort_keys=True)
        columns = list(rows[0]) if rows else []
        self._charts.append(
            {
                "template": self._templates.setdefault(text, len(self._templates)),
                "columns": columns,
                "rows": [[row[name] for name in columns] for row in rows],
            }
        )
        return len(self._charts) - 1

    def json(self) -> Markup:
        """Everything, as JSON that can stand in a `script` element."""
        templates = [json.loads(text) for text in self._templates]
        text = json.dumps(
            {"templates": templates, "charts": self._charts},
            ensure_ascii=False,
            separators=(",", ":"),
            allow_nan=False,
        )
        for letter in "<>&\u2028\u2029":
            text = text.replace(letter, f"\\u{ord(letter):04x}")
        return Markup(text)


def _figures(name: str, study: Study, charts: _Charts) -> list[dict[str, Any]]:
    figure = FIGURES[name]
    made = []
    for model in study.models:
        readings = study.of(model)
        table = figure.data(readings[0]) if readings else None
        if table is None or not both_sides(table):
            continue
        corpus, encoder, attention, vectors = model
        seed = f", seed {readings[0].cell.seed}" if len(readings) > 1 else ""
        counterpart = readings[0].counterpart
        stands_for = "" if counterpart is None or counterpart.name == corpus else counterpart.title
        made.append(
            {
                "title": figure.title,
                "corpus": corpus,
                "model": f"{model_name(encoder, attention)}, {file_name(vectors)} vectors{seed}",
                "sides": [
                    {
                        "name": f"{side} ({stands_for})" if side == SIDES[1] and stands_for else side,
                        "chart": charts.add(figure.draw(table, side).to_dict()),
                    }
                    for side in SIDES
                ],
            }
        )
    return made
