"""How the evidence card looks in a terminal: uses first, then the questions, then the controls."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from attnaudit.card import Answer, Use, by_class
from attnaudit.card.check import Check
from attnaudit.card.controls import Control, lead, lines
from attnaudit.harmless import printable
from attnaudit.result import Result
from attnaudit.spec.policy import Policy
from attnaudit.summary import OVERALL
from attnaudit.wording import counted, quality_line

_STYLE = {"supported": "green", "not supported": "red", "undetermined": "yellow", "not run": "dim"}
_OUTCOME_STYLE = {"holds": "green", "does not hold": "red", "undetermined": "yellow"}


def console_of(width: int | None = None) -> Console:
    """Standard output; where that is no terminal, wide enough for the numbers."""
    return Console(width=width or (None if sys.stdout.isatty() else 132))


def show_card(result: Result, policy: Policy | None = None, *, width: int | None = None) -> None:
    """The card of a run on standard output."""
    policy = policy or result.policy
    console = console_of(width)
    answers, found = result.answers(policy), result.uses(policy)
    data = result.manifest["data"]
    console.print(
        f"\n[bold]{printable(result.folder.name)}[/]: {counted(data['audited'])} of {printable(data['corpus'])}; "
        f"{quality_line(result.scores)}\n"
    )
    print_lead(console, result.controls)
    console.print(table_of_uses(found))
    table = Table(
        "question",
        "answer",
        "number",
        "n",
        title="The five questions (95% interval)",
        title_justify="left",
        show_lines=True,
    )
    for column, least in zip(table.columns[1:], (13, 22, None), strict=True):
        column.no_wrap, column.min_width = True, least
    for answer in answers:
        if answer.group == OVERALL:
            said = f"[bold]{printable(answer.title)}[/]\n{printable(answer.sentence)}"
            table.add_row(said, styled(answer.verdict), number(answer), count(answer))
            for one in answers:
                if one.question == answer.question and one is not answer:
                    table.add_row(printable(one.group), styled(one.verdict), number(one), count(one))
    console.print(table)
    print_controls(console, result.controls)


def show_check(result: Check, controls: Sequence[Control], *, width: int | None = None) -> None:
    """What was required and found, and the outcome, on standard output."""
    console = console_of(width)
    print_lead(console, controls)
    table = Table("required", "of", "answer", "why")
    for one in result.required:
        of = "all texts" if one.group == OVERALL else one.group
        table.add_row(printable(one.name), printable(of), styled(one.verdict), printable(one.sentence))
    console.print(table)
    print_controls(console, controls)
    console.print(f"check: [{_OUTCOME_STYLE[result.outcome]}]{result.outcome}[/]")


def table_of_uses(found: Sequence[Use]) -> Table:
    """Which uses the numbers allow."""
    table = Table(
        "use",
        "answer",
        "why",
        title="May this attention be shown as an explanation? By use",
        title_justify="left",
    )
    for use in found:
        table.add_row(printable(use.name), styled(use.verdict), printable(use.sentence))
    return table


def table_of_answers(answers: Sequence[Answer]) -> Table:
    """The questions for all texts together, with the classes where they differ."""
    table = Table("question", "answer", "why", title="The five questions", title_justify="left")
    for answer in answers:
        if answer.group == OVERALL:
            said = f"{answer.sentence}{by_class(answer, answers)}"
            table.add_row(answer.title, styled(answer.verdict), printable(said))
    return table


def print_lead(console: Console, controls: Sequence[Control]) -> None:
    """What comes first where a control failed."""
    if said := lead(controls):
        console.print(f"[bold red]controls failed[/] {printable(said)}\n", highlight=False)


def print_controls(console: Console, controls: Sequence[Control]) -> None:
    """A line a control."""
    for line in lines(controls):
        console.print(printable(line), highlight=False)


def styled(verdict: str) -> str:
    """A verdict in its colour."""
    return f"[{_STYLE[verdict]}]{verdict}[/]"


def number(answer: Answer) -> str:
    """`0.523 [0.480, 0.560]` and what is asked, in two lines."""
    if answer.value is None:
        return "–"
    between = "" if answer.low is None else f" [{answer.low:.3f}, {answer.high:.3f}]"
    return printable(f"{answer.value:.3f}{between}\n{answer.wanted} {answer.threshold:g} asked")


def count(answer: Answer) -> str:
    """`1,725 texts`, or of seeds."""
    return counted(answer.n, answer.over) if answer.n else "–"
