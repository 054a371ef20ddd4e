"""The evidence card to take elsewhere: Markdown for a model card, and plain values for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from attnaudit.card import Answer, Use
from attnaudit.card.check import Check
from attnaudit.card.controls import Control, lead, lines
from attnaudit.harmless import in_markdown
from attnaudit.result import Result
from attnaudit.spec.policy import Policy
from attnaudit.summary import OVERALL
from attnaudit.wording import counted, quality_line


def markdown(result: Result, policy: Policy | None = None) -> str:
    """The card as Markdown, to be pasted in a model card; names from the data cannot become markup."""
    policy = policy or result.policy
    answers = result.answers(policy)
    return _template().render(
        manifest=result.manifest,
        quality=quality_line(result.scores),
        lead=lead(result.controls),
        uses=result.uses(policy),
        answers=answers,
        whole=[answer for answer in answers if answer.group == OVERALL],
        controls=lines(result.controls),
        policy=policy,
    )


def plain(result: Result, policy: Policy | None = None) -> dict[str, Any]:
    """The card as plain values, as `attnaudit card --format json` prints them; `docs/check.md` says what they are."""
    policy = policy or result.policy
    manifest = result.manifest
    data, model = manifest["data"], manifest.get("model", {})
    return {
        "policy": policy.plain(),
        "uses": plain_uses(result.uses(policy)),
        "answers": plain_answers(result.answers(policy)),
        "controls": plain_controls(result.controls),
        "run": {
            "id": manifest["run_id"],
            "path": str(result.folder),
            "created": manifest.get("created"),
            "attnaudit": manifest.get("attnaudit"),
        },
        "corpus": {
            "name": data["corpus"],
            "split": data["audited_split"],
            "audited": data["audited"],
            "digest": data.get("digest"),
            "classes": list(result.classes),
        },
        "model": {
            **{name: model.get(name) for name in ("encoder", "attention", "parameters")},
            "scores": result.scores,
        },
    }


def plain_run(result: Result, report: Path | None) -> dict[str, Any]:
    """A run as plain values, as `--json` of `run`, `import` and `show` prints it: its numbers, its card, its uses.

    Args:
        result: the run.
        report: where its report is, if it has one.
    """
    summary: dict[str, Any] = {}
    for row in result.tables["summary"].to_pylist():
        place = (
            summary.setdefault(row["experiment"], {})
            .setdefault(row["subject"], {})
            .setdefault(row["group"], {})
        )
        place[row["statistic"]] = {name: row[name] for name in ("value", "low", "high", "n", "n_undefined")}
    answers = [
        {
            name: getattr(answer, name)
            for name in ("question", "group", "verdict", "sentence", "value", "low", "high", "n")
        }
        for answer in result.card
    ]
    return {
        "run_id": result.manifest["run_id"],
        "path": str(result.folder),
        "report": report and str(report),
        "test": {row["metric"]: row["value"] for row in result.tables["scores"].to_pylist()},
        "summary": summary,
        "card": answers,
        "uses": plain_uses(result.uses()),
    }


def plain_check(check: Check, controls: Sequence[Control], policy: Policy) -> dict[str, Any]:
    """A check as plain values."""
    return {
        "outcome": check.outcome,
        "required": [asdict(one) for one in check.required],
        "controls": plain_controls(controls),
        "policy": policy.plain(),
    }


def plain_uses(uses: Sequence[Use]) -> list[dict[str, Any]]:
    """Uses as plain values."""
    return [asdict(use) for use in uses]


def plain_answers(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Answers as plain values."""
    return [asdict(answer) for answer in answers]


def plain_controls(controls: Sequence[Control]) -> list[dict[str, Any]]:
    """Controls as plain values, with what became of each."""
    return [
        {
            "name": control.name,
            "about": control.about,
            "failed": bool(control.failed),
            "answers": [{**asdict(one), "passed": one.passed} for one in control.answers],
        }
        for control in controls
    ]


@cache
def _template() -> jinja2.Template:
    # Not HTML, so jinja's own escaping is off: whatever is put in goes through `in_markdown`, as the last step.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        finalize=_written,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": _number, "count": _count, "counted": counted}
    return environment.get_template("card.md.j2")


def _written(value: object) -> str:
    return in_markdown(str(value))


def _number(answer: Answer) -> str:
    if answer.value is None:
        return "–"
    return f"{answer.value:.3f}" + ("" if answer.low is None else f" ({answer.low:.3f} to {answer.high:.3f})")


def _count(answer: Answer) -> str:
    return counted(answer.n, answer.over) if answer.n else "–"
