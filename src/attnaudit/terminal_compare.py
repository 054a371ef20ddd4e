"""How two runs side by side look in a terminal."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from attnaudit.compare import A_HIGHER, B_HIGHER, Comparison, verdict
from attnaudit.compare_document import cells, named, tally
from attnaudit.harmless import printable
from attnaudit.stats.inference import SIGNIFICANT, Estimate
from attnaudit.summary import OVERALL
from attnaudit.terminal import table_of
from attnaudit.wording import counted, quality_line

_STYLE = {A_HIGHER: "green", B_HIGHER: "cyan"}
_TITLE = "A − B (95% interval over texts)"
_RULE = (
    "`higher` is said where the interval leaves out 0 and the p-value, after Holm over the numbers of all groups, is "
    f"at most {SIGNIFICANT:g}."
)
_ELSEWHERE = "A wider terminal, `--output` and `--json` show the values of both and the classes as well."
_WIDE = 120
"""Columns from which the values of both runs fit beside their difference."""


def show_comparison(found: Comparison, *, width: int | None = None) -> None:
    """The comparison on standard output: what differs between the runs, the answers of both, then every number."""
    console = Console(width=width or (None if sys.stdout.isatty() else 132))
    for side, run in (("A", found.a), ("B", found.b)):
        data = run.manifest["data"]
        said = (
            f"{run.folder.name}: {counted(data['audited'])} of {data['corpus']}; {quality_line(run.scores)}"
        )
        console.print(f"[bold]{side}[/] {printable(said)}", highlight=False)
    for name, a, b in found.settings:
        console.print(f"  {printable(f'{name}: {a} | {b}')}", highlight=False)
    console.print(f"\n{printable(tally(found))}\n", highlight=False)
    console.print(
        table_of(
            [
                (pair.a.title, pair.a.verdict, pair.b.verdict, "differ" if pair.differ else "")
                for pair in found.answers
            ],
            "question",
            "A",
            "B",
            "",
        )
    )
    for pair in found.answers:
        for side, one in (("A", pair.a), ("B", pair.b)) if pair.differ else ():
            console.print(f"{side} [bold]{one.verdict}[/]: {printable(one.sentence)}", highlight=False)
    apart = [
        (one.title, " ".join(cells(one.estimate)), f"{one.estimate.n:,}", f"{one.n_undefined:,}")
        for one in found.distances
    ]
    console.print(table_of(apart, "how far apart", "value (95% interval)", "texts", "undefined"))
    console.print(_wide(found) if console.width >= _WIDE else _narrow(found))
    console.print(printable(_RULE if console.width >= _WIDE else f"{_RULE} {_ELSEWHERE}"), highlight=False)
    for note in found.notes:
        console.print(f"[yellow]note[/] {printable(note)}", highlight=False)


def _wide(found: Comparison) -> Table:
    table = Table(title=_TITLE, title_justify="left")
    for head in ("number", "texts", "A", "B", "A − B", "p (Holm)", "n", ""):
        table.add_column(head, no_wrap=head in ("A", "B", "A − B", "n"))
    before = ""
    for row in found.table.to_pylist():
        name = named(row)
        if name != before and before:
            table.add_section()
        table.add_row(
            printable(name) if name != before else "",
            _group(row),
            *("–" if row[side] is None else f"{row[side]:.3f}" for side in ("value_a", "value_b")),
            _difference(row),
            "–" if row["p_value_holm"] is None else f"{row['p_value_holm']:.3f}",
            f"{row['n']:,}",
            _said(row),
        )
        before = name
    return table


def _narrow(found: Comparison) -> Table:
    table = Table(title=f"{_TITLE}, all of them", title_justify="left")
    for head in ("number", "A − B", ""):
        table.add_column(head, no_wrap=head == "A − B")
    for row in found.table.to_pylist():
        if row["group"] == OVERALL:
            table.add_row(printable(named(row)), _difference(row), _said(row))
    return table


def _group(row: dict[str, Any]) -> str:
    return "all" if row["group"] == OVERALL else printable(row["group"])


def _difference(row: dict[str, Any]) -> str:
    difference = Estimate(row["difference"], row["low"], row["high"], row["n"])
    return escape(" ".join(cells(difference, signed=True)))


def _said(row: dict[str, Any]) -> str:
    found = verdict(row)
    return f"[{_STYLE[found]}]{found}[/]" if found in _STYLE else found
