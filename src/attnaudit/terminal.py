"""How a run looks in a terminal: progress bars while it works, tables when it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table

from attnaudit.harmless import printable
from attnaudit.named import SOONER
from attnaudit.result import Result
from attnaudit.stats.inference import Estimate
from attnaudit.summary import OVERALL, lookup
from attnaudit.summary.trainings import furthest_imitation
from attnaudit.terminal_card import console_of, print_controls, print_lead, table_of_answers, table_of_uses
from attnaudit.wording import counted, quality_line, worded

_SHOWN = (
    ("agreement", "mean", "τ, mean"),
    ("permutation", "median_tvd", "output change, median"),
    ("permutation", "share_flipped", "decision flipped"),
    ("uniform", "median_tvd", "output change, median"),
    ("uniform", "share_flipped", "decision flipped"),
    ("adversary", "mean_jsd", "JSD, mean"),
    ("adversary", "mean_upper_jsd", "JSD, mean (upper bound)"),
    ("adversary", "share_certified", "bounds within 1%"),
    ("adversary", "share_jsd_from_0.4", "JSD ≥ 0.4"),
    ("adversary", "share_flipped", "decision flipped"),
    ("erasure", SOONER, "decision flips sooner than at random"),
    ("erasure", "mean_decision_flip", "words removed until it flips"),
    ("plausibility", "precision_at_k", "precision at k"),
    ("plausibility", "average_precision", "average precision"),
    ("plausibility", "token_f1", "token F1"),
    ("representation", "mean_conicity", "conicity, mean"),
    ("representation", "mean_entropy_share", "entropy of attention, of the most"),
    ("seeds", "mean_jsd", "JSD, mean"),
    ("seeds", "share_of_permuted", "JSD, of that to random words"),
    ("uniform model", "score_difference", "score lost"),
    ("guide", "score_difference", "score gained"),
    ("imitation", "mean_jsd", "JSD, mean"),
    ("imitation", "mean_tvd", "output change, mean"),
    ("deception", "mean_hidden_mass", "attention on the words to hide"),
    ("deception", "score_difference", "score lost"),
)


_EXPERIMENTS = tuple(dict.fromkeys(experiment for experiment, _, _ in _SHOWN))

_WRAPPED = (21, 20)
"""Least width of the columns `of` and `number`: their cells then take two lines at most."""


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
        tasks: dict[str, TaskID] = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage.replace("_", " "), total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield advance


def show(result: Result, *, width: int | None = None) -> None:
    """The summary of a run on standard output: answers first, then the numbers by group."""
    console = console_of(width)
    # First, so that a damaged run prints nothing but its fault.
    answers, numbers = result.card, _numbers(result, console)
    data = result.manifest["data"]
    quality = quality_line(result.scores)
    console.print(
        f"\n[bold]{printable(result.folder.name)}[/]: {counted(data['audited'])} of {printable(data['corpus'])}"
    )
    speed = result.manifest.get("tokens_per_second", {}).get("training")
    trained = f"; trained at {speed:,} tokens a second" if speed else ""
    whose = "imported scores" if result.imported else "model"
    console.print(f"{whose}: {quality}{trained}\n")
    for warning in data["warnings"]:
        console.print(f"[yellow]note[/] {printable(warning)}")
    print_lead(console, result.controls)
    console.print(table_of_uses(result.uses()))
    console.print(table_of_answers(answers))
    print_controls(console, result.controls)
    console.print(numbers)


def _numbers(result: Result, console: Console) -> Table:
    """The numbers by group: a column a group where the terminal is wide enough, else the groups below each other."""
    numbers = lookup(result.tables["summary"])
    groups = result.groups
    imitation = furthest_imitation(numbers, OVERALL)
    subjects = dict.fromkeys(
        (e, s)
        for e, s, _, _ in numbers
        if "max attention" not in s
        and not s.endswith((", zero", ", mask"))
        and (e != "imitation" or s == imitation)
        and (e != "guide" or not s.startswith("imitation"))
    )
    rows = []
    for experiment in _EXPERIMENTS:
        for subject, (_, statistic, label) in product(
            (s for e, s in subjects if e == experiment), (row for row in _SHOWN if row[0] == experiment)
        ):
            if (experiment, subject, OVERALL, statistic) not in numbers:
                continue
            cells = [_cell(numbers.get((experiment, subject, group, statistic))) for group in groups]
            of = printable(" ~ ".join(map(worded, subject.split(" ~ "))))
            rows.append((experiment, of, _label(subject, statistic, label), cells))
    heads = [printable("all texts" if group == OVERALL else group) for group in groups]
    title = "Numbers (95% interval)" + (", by predicted class" if len(groups) > 1 else "")
    kept = [max(map(cell_len, column)) for column in zip(heads, *(cells for *_, cells in rows), strict=True)]
    if max(map(len, _EXPERIMENTS)) + sum(_WRAPPED) + sum(kept) + 3 * (3 + len(heads)) + 1 <= console.width:
        wide = Table(title=title, title_justify="left")
        for head, least in zip(("experiment", "of", "number"), (None, *_WRAPPED), strict=True):
            wide.add_column(head, min_width=least, no_wrap=least is None)
        for head in heads:
            wide.add_column(head, no_wrap=True)
        for experiment, of, label, cells in rows:
            wide.add_row(experiment, of, label, *cells)
        return wide
    several = len(groups) > 1
    classes = [head.removeprefix("predicted ") for head in heads]
    tall = Table(title=title, title_justify="left", show_lines=several)
    tall.add_column("number")
    if several:
        value = max((cell_len(cell) for *_, cells in rows for cell in cells), default=0)
        room = console.width - value - _WRAPPED[1] - 10
        tall.add_column("class", no_wrap=True, overflow="ellipsis", max_width=max(10, room))
    tall.add_column("value", no_wrap=True)
    for experiment, of, label, cells in rows:
        name = experiment if experiment == of else f"{experiment}, {of}"
        tall.add_row(f"{name}: {label}", *["\n".join(classes)] * several, "\n".join(cells))
    return tall


def _label(subject: str, statistic: str, label: str) -> str:
    """The name of a number; of a bracket it is said which bound it rests on, of a gap that it is one."""
    if " above " in subject and statistic == "mean_jsd":
        return "JSD, mean of the difference"
    if subject not in ("adversarial_bracket", "same_weights"):
        return label
    return {"mean_jsd": "JSD, mean (lower bound)", "share_jsd_from_0.4": "lower bound ≥ 0.4"}.get(
        statistic, label
    )


def _cell(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "–"
    if estimate.low is None:
        return f"{estimate.value:.3f}"
    return escape(f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]")


def table_of(rows: Sequence[Sequence[str]], *columns: str) -> Table:
    """A plain table of text that is not markup."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*map(printable, row))
    return table
