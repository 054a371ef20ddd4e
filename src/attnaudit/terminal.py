"""How a run looks in a terminal: progress bars while it works, tables when it is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from attnaudit.card import Answer
from attnaudit.result import Result
from attnaudit.stats.inference import Estimate
from attnaudit.summary import OVERALL, lookup
from attnaudit.wording import worded

_VERDICT_STYLE = {"supported": "green", "not supported": "red", "undetermined": "yellow", "not run": "dim"}

_SHOWN = (
    ("agreement", "mean", "τ, mean"),
    ("permutation", "median_tvd", "output change, median"),
    ("permutation", "share_flipped", "decision flipped"),
    ("uniform", "median_tvd", "output change, median"),
    ("uniform", "share_flipped", "decision flipped"),
    ("adversary", "mean_jsd", "JSD, mean"),
    ("adversary", "share_jsd_from_0.4", "JSD ≥ 0.4"),
    ("adversary", "share_flipped", "decision flipped"),
    ("plausibility", "precision_at_k", "precision at k"),
    ("plausibility", "average_precision", "average precision"),
)


@contextmanager
def progress_bars(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A `Progress` that draws a bar a stage on the error stream; silent when that is not a terminal."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _stage, _done, _total: None
        return
    with Bars(
        TextColumn("{task.description:>18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as bars:
        tasks: dict[str, int] = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage.replace("_", " "), total=total)
            bars.update(tasks[stage], completed=done, total=total)  # type: ignore[arg-type]  # TaskID is an int

        yield advance


def show(result: Result, *, width: int | None = None) -> None:
    """The summary of a run on standard output: answers first, then the numbers by group."""
    console = Console(width=width or (None if sys.stdout.isatty() else 132))
    answered, numbers = (
        result.card,
        _numbers(result),
    )  # first, so that a damaged run prints nothing but its fault
    data = result.manifest["data"]
    scores = {row["metric"]: row["value"] for row in result.tables["scores"].to_pylist()}
    quality = ", ".join(f"{name} {_plain(scores.get(name))}" for name in ("accuracy", "roc_auc", "f1"))
    console.print(
        f"\n[bold]{printable(result.folder.name)}[/]: {data['audited']} texts of {printable(data['corpus'])}"
    )
    console.print(f"model: {quality}\n")
    for warning in data["warnings"]:
        console.print(f"[yellow]note[/] {printable(warning)}")
    answers = Table(
        "question",
        "answer",
        "why",
        title="May this attention be shown as an explanation?",
        title_justify="left",
    )
    for answer in answered:
        if answer.group == OVERALL:
            style = _VERDICT_STYLE[answer.verdict]
            said = f"{answer.sentence}{_by_class(answer, answered)}"
            answers.add_row(answer.title, f"[{style}]{answer.verdict}[/]", printable(said))
    console.print(answers)
    console.print(numbers)


def _by_class(overall: Answer, answered: Sequence[Answer]) -> str:
    """The verdicts of the classes, where they are not all that of the whole: an average may hide opposites."""
    classes = [a for a in answered if a.question == overall.question and a.group != OVERALL]
    if all(a.verdict == overall.verdict for a in classes):
        return ""
    return " By class: " + "; ".join(f"{a.group}: {a.verdict}" for a in classes) + "."


def printable(text: str) -> str:
    """Text from data, made harmless: no control characters reach the terminal, no markup is read in it."""
    return escape("".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text))


def _numbers(result: Result) -> Table:
    numbers = lookup(result.tables["summary"])
    groups = result.groups
    table = Table(
        "experiment",
        "of",
        "number",
        *map(printable, groups),
        title="Numbers (95% interval), by predicted class",
        title_justify="left",
    )
    for experiment, statistic, label in _SHOWN:
        subjects = dict.fromkeys(
            s for e, s, _, t in numbers if (e, t) == (experiment, statistic) and "max attention" not in s
        )
        for subject in subjects:
            cells = [_cell(numbers.get((experiment, subject, group, statistic))) for group in groups]
            table.add_row(experiment, printable(" ~ ".join(map(worded, subject.split(" ~ ")))), label, *cells)
    return table


def _cell(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "–"
    if estimate.low is None:
        return f"{estimate.value:.3f}"
    return escape(f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]")


def _plain(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def table_of(rows: Sequence[Sequence[str]], *columns: str) -> Table:
    """A plain table of text that is not markup."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*map(printable, row))
    return table
