"""The commands that read: what finished runs say, and what there is to audit."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from attnaudit import store as stored
from attnaudit.cli.options import AsJson, PolicyFile, Run, Store
from attnaudit.cli.values import folder_of, opened, policy_of
from attnaudit.errors import SpecError
from attnaudit.terminal import show, table_of


def report(
    run: Run,
    output: Annotated[
        Path | None, typer.Option(help="Where to write the HTML file; the run folder by default.")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(help="Also write each figure for a paper into this folder.")
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="Formats of the figures: svg, pdf, png; several with commas.")
    ] = "svg,pdf",
    store: Store = Path("runs"),
) -> None:
    """Write the report of a run again, or its figures for a paper."""
    from attnaudit.drawing.export import export_figures
    from attnaudit.report import write_report

    chosen = tuple(part.strip() for part in formats.split(","))
    if unknown := [part for part in chosen if part not in ("svg", "pdf", "png")]:
        raise SpecError(f"`--format` must be svg, pdf or png, found {', '.join(map(repr, unknown))}")
    result = opened(run, store)
    print(write_report(result, output))
    if figures is not None:
        for path in export_figures(result, figures, chosen):
            print(path)


def show_run(run: Run, store: Store = Path("runs"), as_json: AsJson = False) -> None:
    """Print the summary of a run."""
    from attnaudit.card_text import plain_run

    result = opened(run, store)
    if as_json:
        written = result.folder / stored.REPORT
        plain = plain_run(result, written if written.exists() else None)
        print(json.dumps(plain, ensure_ascii=False, indent=1))
    else:
        show(result)


def check(
    run: Run,
    policy: PolicyFile = None,
    store: Store = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Hold a run against a policy: exit code 0 where it holds, 1 where it does not, 3 where that is open."""
    from attnaudit.card.check import EXIT_CODES
    from attnaudit.card.check import check as held
    from attnaudit.card_text import plain_check
    from attnaudit.terminal_card import show_check

    result = opened(run, store)
    asked = policy_of(policy) or result.policy
    found = held(result.answers(asked), result.controls, asked)
    if as_json:
        print(json.dumps(plain_check(found, result.controls, asked), ensure_ascii=False, indent=1))
    else:
        show_check(found, result.controls)
    raise typer.Exit(EXIT_CODES[found.outcome])


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A run folder, or the name of one in the store.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another run on the same texts.")],
    output: Annotated[Path | None, typer.Option(help="Also write it as Markdown into this .md file.")] = None,
    store: Store = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Hold two runs on the same texts against each other: every difference with its interval, in pairs."""
    from attnaudit import compare_document
    from attnaudit.compare import compare as compared
    from attnaudit.terminal_compare import show_comparison

    where = output and compare_document.checked(output)
    found = compared(opened(a, store), opened(b, store))
    if where is not None:
        compare_document.write_comparison(found, where)
    if as_json:
        print(json.dumps(compare_document.plain(found), ensure_ascii=False, indent=1))
        return
    show_comparison(found)
    if where is not None:
        print(where)


def data(
    as_json: AsJson = False,
    table: Annotated[
        bool,
        typer.Option("--table", help="The paper's table of its corpora, with what is found here beside it."),
    ] = False,
    store: Store = Path("runs"),
) -> None:
    """List the corpora, and say why those that cannot be read here cannot."""
    if table:
        _data_table(store, as_json=as_json)
        return
    from attnaudit.tasks import available

    found = available()
    if as_json:
        print(
            json.dumps(
                [{"name": a.name, "summary": a.summary, "ready": a.ready, "reason": a.reason} for a in found]
            )
        )
        return
    rows = [
        (a.name, "ready" if a.ready else "not here", a.summary if a.ready else f"{a.summary} {a.reason}")
        for a in found
    ]
    Console().print(table_of(rows, "corpus", "", "what it is"))


def verify(run: Run, store: Store = Path("runs")) -> None:
    """Say whether a run folder is whole and unaltered; exit code 2 when it is not."""
    folder = folder_of(run, store)
    if faults := stored.verify(folder):
        for fault in faults:
            print(fault, file=sys.stderr)
        raise typer.Exit(2)
    manifest = stored.read_manifest(folder)
    rows = sum(table["rows"] for table in manifest["tables"].values())
    print(f"{folder}: whole and unaltered, {len(manifest['tables'])} tables, {rows} rows")


def _data_table(store: Path, *, as_json: bool) -> None:
    from attnaudit.reproduce.data_table import data_table
    from attnaudit.terminal_sweep import show_data_table

    rows = data_table(store=store)
    if as_json:
        print(json.dumps([dataclasses.asdict(row) for row in rows], ensure_ascii=False, indent=1))
    else:
        show_data_table(rows)
