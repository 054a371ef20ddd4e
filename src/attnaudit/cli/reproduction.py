"""The command that repeats a study and holds it against what was published."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from attnaudit import memory as limits
from attnaudit.cli.options import Device, Memory, Store, Threads
from attnaudit.cli.values import names_of, seeds_of, setting_of
from attnaudit.errors import SpecError, unknown_name
from attnaudit.spec import KNOWN, merged


def reproduce(
    study: Annotated[str, typer.Argument(help="What to reproduce: `jain2019`.")] = "jain2019",
    only: Annotated[
        list[str] | None, typer.Option(help="Only this corpus; repeat, or give several with commas.")
    ] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            help=f"{', '.join(KNOWN['encoder'])} (all; bilstm and average where training takes long)."
        ),
    ] = None,
    attention: Annotated[
        list[str] | None,
        typer.Option(help="additive, dot (both; only additive where training takes long)."),
    ] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, with commas; each is a training run.")] = "0",
    vectors: Annotated[
        list[str] | None,
        typer.Option(
            help="Word vectors: a file, `minilm`, or `random`; repeat for several, a run each (minilm where it is "
            "installed; bAbI random always)."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="CORPUS.KEY=VALUE",
            help="A setting of a corpus, as `diabetes.notes=NOTEEVENTS.csv`.",
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Audit only so many texts a cell: a trial.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Train only so many epochs: a trial.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for the page and the tables.")] = Path("reproduction"),
    plan_only: Annotated[
        bool, typer.Option("--plan", help="Show the cells and how long they will take, and stop.")
    ] = False,
    collect: Annotated[
        bool,
        typer.Option("--collect", help="Run nothing: make the page from the finished runs in the store."),
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Cells at a time, a process each.")] = 1,
    store: Store = Path("runs"),
    device: Device = Device.cpu,
    threads: Threads = 1,
    memory: Memory = "1GB",
) -> None:
    """Run the whole paper, or go on with it, and hold every number against the published one."""
    if study != "jain2019":
        raise SpecError(unknown_name("study", study, ["jain2019"]))
    from attnaudit.studies import jain2019
    from attnaudit.terminal_sweep import show_plan, sweep_bars

    given: dict[str, Any] = {}
    for setting in settings or []:
        given = merged(given, setting_of(setting))
    planned = jain2019.plan(
        only=names_of(only),
        encoders=names_of(encoder),
        attentions=names_of(attention),
        seeds=seeds_of(seeds),
        vectors=vectors or [jain2019.default_vectors()],
        settings=given,
        limit=limit,
        epochs=epochs,
    )
    show_plan(planned, jobs)
    if plan_only:
        return
    if collect:
        cells = jain2019.collect(planned, store=store)
    else:
        with sweep_bars(planned) as (watch, ended):
            cells = []
            for cell in jain2019.run(
                planned,
                store=store,
                device=device.value,
                threads=threads,
                memory=limits.size_of(memory),
                jobs=jobs,
                watch=watch,
            ):
                cells.append(cell)
                ended(cell)
    from attnaudit.reproduce import write_reproduction

    command = shlex.join(["attnaudit", *map(_without_folder, sys.argv[1:])])
    for path in write_reproduction(jain2019.in_order(cells, planned), output, command=command):
        print(path)


def _without_folder(argument: str) -> str:
    """An argument of the command line without the folders in it: the page that shows it travels."""
    before, equals, value = argument.rpartition("=")
    return before + equals + (Path(value).name if "/" in value or "\\" in value else value)
