"""What several commands take: their common options and arguments."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from attnaudit.spec.companions import KINDS

DATA, MODEL, QUESTIONS, WHERE = "Data", "Model and training", "Questions", "Where and how"
BESIDE = "Card"


class Device(StrEnum):
    """Where torch computes."""

    cpu = "cpu"
    cuda = "cuda"


class TooLong(StrEnum):
    """What is done with a text that is longer than a transformer can read."""

    refuse = "refuse"
    truncate = "truncate"


class CardFormat(StrEnum):
    """How the card is written."""

    terminal = "terminal"
    markdown = "markdown"
    json = "json"


Store = Annotated[Path, typer.Option(help="Folder that holds the run folders.", rich_help_panel=WHERE)]
Threads = Annotated[
    int,
    typer.Option(
        min=1, help="Compute threads; more than one helps on an idle machine.", rich_help_panel=WHERE
    ),
]
Memory = Annotated[
    str,
    typer.Option(
        metavar="SIZE",
        help="What one batch may take besides the model, such as 200MB or 4GB.",
        rich_help_panel=WHERE,
    ),
]
Seeds = Annotated[
    int,
    typer.Option(
        "--seeds", min=1, max=100, help="Trainings in all, each from another seed.", rich_help_panel=BESIDE
    ),
]
Beside = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        help=f"Also train: {', '.join(KINDS)}; repeat, or give several with commas.",
        rich_help_panel=BESIDE,
    ),
]
Hidden = Annotated[
    list[str] | None,
    typer.Option(
        "--hide",
        metavar="WORD",
        help="A word for `--with deception` to hide; repeat for several. The evidence where it is known, else.",
        rich_help_panel=BESIDE,
    ),
]
NoControls = Annotated[
    bool,
    typer.Option("--no-controls", help="Leave out the controls with known truth.", rich_help_panel=BESIDE),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Trainings at a time, a process each (as many as there are cores).",
        rich_help_panel=BESIDE,
    ),
]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help="Thresholds, uses and what is required: TOML or YAML.",
        rich_help_panel=BESIDE,
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object and nothing else.", rich_help_panel=WHERE)
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or the name of one in the store.")]
