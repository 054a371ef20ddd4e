"""How many audits look in a terminal: the plan with its times, and a bar for each that is running."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from attnaudit.harmless import printable
from attnaudit.reproduce.cell import Cell
from attnaudit.reproduce.data_table import DataRow, Facts
from attnaudit.studies.jain2019 import FROM_RANDOM, Planned
from attnaudit.sweep import Watch


def show_plan(planned: Sequence[Planned], jobs: int) -> None:
    """The cells, a line each corpus, encoder and vectors, and how long they may take."""
    table = Table(
        "corpus", "encoder", "attention", "vectors", "seeds", "about", title="Cells", title_justify="left"
    )
    merged: dict[tuple[str, str, str], list[Planned]] = {}
    for cell in planned:
        if cell.spec is not None:
            merged.setdefault((cell.corpus, cell.encoder, cell.vectors), []).append(cell)
    for (corpus, encoder, vectors), cells in merged.items():
        attentions = ", ".join(dict.fromkeys(cell.attention for cell in cells))
        seeds = ", ".join(dict.fromkeys(str(cell.seed) for cell in cells))
        about = duration(sum(cell.seconds for cell in cells))
        table.add_row(corpus, encoder, attentions, printable(vectors), seeds, about)
    runnable = [cell.seconds for cell in planned if cell.spec is not None]
    console = Console(stderr=True)
    console.print(table)
    for corpus, reason in dict.fromkeys((cell.corpus, cell.reason) for cell in planned if cell.reason):
        console.print(printable(f"{corpus}: {reason}"), highlight=False)
    whole = sum(runnable)
    together = max(whole / jobs, max(runnable, default=0.0))
    console.print(
        f"{len(runnable)} of {len(planned)} cells can be run here: about {duration(whole)} of one core in all, "
        f"{duration(together)} with {jobs} at a time. Finished ones are not repeated."
    )


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def show_data_table(rows: Iterable[DataRow]) -> None:
    """The paper's corpora, two lines each: published, and found here."""
    table = Table("corpus", "", "vocabulary", "mean length", "train", "test", "score")
    reasons = []
    for row in rows:
        table.add_row(row.name, "published", *_facts(row.published, row.metric))
        table.add_row("", *(("not here",) if row.ours is None else ("here", *_facts(row.ours, row.metric))))
        table.add_section()
        if row.ours is None:
            reasons.append(f"{row.name}: {row.reason}")
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(table)
    console.print(
        "Published training texts include what is kept for development here. The score is that of a BiLSTM with "
        "additive attention; here, of the newest run in the store."
    )
    for reason in reasons:
        console.print(printable(reason), highlight=False)


def _facts(facts: Facts, metric: str) -> tuple[str, ...]:
    score = "not run" if facts.score is None else f"{metric} {facts.score:.2f}"
    sizes = (" / ".join(f"{n:,}" for n in part) for part in (facts.train_size, facts.test_size))
    return (f"{facts.vocabulary:,}", f"{facts.mean_length:.0f}", *sizes, score)


@contextmanager
def sweep_bars(planned: Sequence[Planned]) -> Iterator[tuple[Watch, Callable[[Cell], None]]]:
    """A `Watch` with a bar a running cell, and what is to be told when one has ended; lines where no terminal is."""
    console = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description:>34}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    runnable = [cell for cell in planned if cell.spec is not None]
    sources = {cell.vectors for cell in runnable if cell.corpus not in FROM_RANDOM}
    names = [_name(cell, with_vectors=len(sources) > 1) for cell in runnable]
    places = {_key(cell): place for place, cell in enumerate(runnable)}
    running: dict[int, TaskID] = {}
    with bars:
        whole = bars.add_task("cells", total=len(names))

        def watch(number: int, stage: str, done: int, total: int) -> None:
            if number not in running:
                running[number] = bars.add_task(names[number], total=total)
            described = f"{names[number]}: {stage.replace('_', ' ')}"
            bars.update(running[number], completed=done, total=total, description=described[-34:])

        def ended(cell: Cell) -> None:
            place = places.get(_key(cell))
            if place is None:
                return
            bars.advance(whole)
            if (task := running.get(place)) is not None:
                bars.remove_task(task)
            said = duration(cell.wall_seconds) if cell.wall_seconds is not None else f"not run: {cell.reason}"
            console.print(printable(f"{names[place]}: {said}"), highlight=False)

        yield watch, ended


def _key(cell: Cell | Planned) -> tuple[str, str, str, str, int]:
    return cell.corpus, cell.encoder, cell.attention, cell.vectors, cell.seed


def _name(cell: Planned, *, with_vectors: bool) -> str:
    parts = [cell.corpus, cell.encoder, cell.attention, str(cell.seed)]
    return " ".join([*parts, Path(cell.vectors).name] if with_vectors else parts)
