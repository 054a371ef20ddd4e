"""The command line: which commands there are, in the order of the help, and how each ends.

`training`, `tuning`, `reproduction` and `reading` hold the commands. Each makes values of its arguments and leaves
the work to the rest of the package.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import typer
from rich.console import Console

from attnaudit import memory as limits
from attnaudit.cli import reading, reproduction, training, tuning
from attnaudit.errors import AuditError
from attnaudit.harmless import printable

app = typer.Typer(
    name="attnaudit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="May the attention of this model on these data be shown as an explanation of its predictions?",
)
_COMMANDS: dict[str, Callable[..., None]] = {
    "demo": training.demo,
    "run": training.run,
    "train": tuning.train,
    "import": training.import_scores,
    "report": reading.report,
    "reproduce": reproduction.reproduce,
    "show": reading.show_run,
    "card": training.card,
    "check": reading.check,
    "compare": reading.compare,
    "data": reading.data,
    "verify": reading.verify,
}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)


def main() -> None:
    """Run the command line; what the user can mend is said without a traceback, with exit code 2."""
    limits.keep_freed()
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, _stop)
    try:
        app()
    except AuditError as error:
        Console(stderr=True, soft_wrap=True).print(
            f"[bold red]error[/] {printable(str(error))}", highlight=False
        )
        for note in getattr(error, "__notes__", ()):
            Console(stderr=True, soft_wrap=True).print(printable(note), highlight=False)
        sys.exit(2)
    except _Stopped as stopped:
        print("stopped; what was computed is kept, and the same command goes on from there", file=sys.stderr)
        sys.exit(128 + stopped.args[0])


class _Stopped(BaseException):
    """Asked to stop by a signal; nothing between here and there takes it for an error of its own."""


def _stop(number: int, _frame: object) -> None:
    raise _Stopped(number)
