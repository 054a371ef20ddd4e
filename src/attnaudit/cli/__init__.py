"""The command line: arguments only; each command is one call."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from attnaudit import memory as limits
from attnaudit.errors import AuditError, SpecError, unknown_name
from attnaudit.harmless import printable
from attnaudit.spec import KNOWN, AdversarialSearch, Spec, merged, read_values
from attnaudit.spec.companions import KINDS, Companions
from attnaudit.spec.policy import Policy
from attnaudit.terminal import progress_bars, show, table_of

app = typer.Typer(
    name="attnaudit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="May the attention of this model on these data be shown as an explanation of its predictions?",
)

_DATA, _MODEL, _QUESTIONS, _WHERE = "Data", "Model and training", "Questions", "Where and how"
_BESIDE = "Card"


class Device(StrEnum):
    """Where torch computes."""

    cpu = "cpu"
    cuda = "cuda"


Store = Annotated[Path, typer.Option(help="Folder that holds the run folders.", rich_help_panel=_WHERE)]
Threads = Annotated[
    int,
    typer.Option(
        min=1, help="Compute threads; more than one helps on an idle machine.", rich_help_panel=_WHERE
    ),
]
Memory = Annotated[
    str,
    typer.Option(
        metavar="SIZE",
        help="What one batch may take besides the model, such as 200MB or 4GB.",
        rich_help_panel=_WHERE,
    ),
]
Seeds = Annotated[
    int,
    typer.Option(
        "--seeds", min=1, max=100, help="Trainings in all, each from another seed.", rich_help_panel=_BESIDE
    ),
]
Beside = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        help=f"Also train: {', '.join(KINDS)}; repeat, or give several with commas.",
        rich_help_panel=_BESIDE,
    ),
]
Hidden = Annotated[
    list[str] | None,
    typer.Option(
        "--hide",
        metavar="WORD",
        help="A word for `--with deception` to hide; repeat for several. The evidence where it is known, else.",
        rich_help_panel=_BESIDE,
    ),
]
NoControls = Annotated[
    bool,
    typer.Option("--no-controls", help="Leave out the controls with known truth.", rich_help_panel=_BESIDE),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Trainings at a time, a process each (as many as there are cores).",
        rich_help_panel=_BESIDE,
    ),
]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help="Thresholds, uses and what is required: TOML or YAML.",
        rich_help_panel=_BESIDE,
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object and nothing else.", rich_help_panel=_WHERE)
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or the name of one in the store.")]


@app.command()
def demo(store: Store = Path("runs"), threads: Threads = 1, as_json: AsJson = False) -> None:
    """Train and audit a small model on the generated corpus `planted`; needs no data and no network."""
    where = _Where(store, Device.cpu, threads, limits.DEFAULT)
    _audit(Spec(), where, Companions(), None, as_json=as_json)


@app.command()
def run(
    spec: Annotated[
        Path | None, typer.Argument(metavar="[SPEC]", help="A TOML or YAML file; flags override it.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="A corpus by name: see `attnaudit data`.", rich_help_panel=_DATA)
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Your own CSV, TSV, JSONL or Parquet file, or `hf:NAME` for the hub.", rich_help_panel=_DATA
        ),
    ] = None,
    dev_data: Annotated[
        str | None, typer.Option(help="A file with the development part.", rich_help_panel=_DATA)
    ] = None,
    test_data: Annotated[
        str | None, typer.Option(help="A file with the test part.", rich_help_panel=_DATA)
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(help="Column that holds the text.", rich_help_panel=_DATA)
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(help="Column that holds the class.", rich_help_panel=_DATA)
    ] = None,
    query_column: Annotated[
        str | None,
        typer.Option(help="Column of a question or hypothesis, read beside the text.", rich_help_panel=_DATA),
    ] = None,
    split_column: Annotated[
        str | None, typer.Option(help="Column that says train, dev or test.", rich_help_panel=_DATA)
    ] = None,
    drop_empty: Annotated[
        bool,
        typer.Option(
            "--drop-empty", help="Leave out rows with an empty text or label.", rich_help_panel=_DATA
        ),
    ] = False,
    no_text: Annotated[
        bool,
        typer.Option(
            "--no-text",
            help="Keep texts out of tables and report; the vocabulary of the model still holds words.",
            rich_help_panel=_DATA,
        ),
    ] = False,
    from_run: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Audit the model of an earlier run; nothing is trained.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(KNOWN['encoder'])}.", rich_help_panel=_MODEL)
    ] = None,
    attention: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(KNOWN['attention'])}.", rich_help_panel=_MODEL)
    ] = None,
    hidden: Annotated[
        int | None, typer.Option(help="Units of the encoder, per direction (128).", rich_help_panel=_MODEL)
    ] = None,
    vectors: Annotated[
        str | None,
        typer.Option(
            help="File of word vectors (GloVe or fastText text format), or `minilm`.", rich_help_panel=_MODEL
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Epochs of training (8).", rich_help_panel=_MODEL)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of everything that is drawn (0).", rich_help_panel=_MODEL)
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(help="Audit only so many texts, drawn with the seed (all).", rich_help_panel=_QUESTIONS),
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A measure of importance: {', '.join(KNOWN['measure'])}; repeat for several.",
            rich_help_panel=_QUESTIONS,
        ),
    ] = None,
    counterfactual: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Another attention to put in: {', '.join(KNOWN['counterfactual'])}; repeat for several.",
            rich_help_panel=_QUESTIONS,
        ),
    ] = None,
    search: Annotated[
        bool,
        typer.Option(
            "--search", help="Also run the paper's own adversarial search.", rich_help_panel=_QUESTIONS
        ),
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any setting of the spec, as in `train.batch=64`; repeat for several.",
            rich_help_panel=_QUESTIONS,
        ),
    ] = None,
    seeds: Seeds = 1,
    beside: Beside = None,
    hide: Hidden = None,
    no_controls: NoControls = False,
    policy: PolicyFile = None,
    jobs: Jobs = None,
    store: Store = Path("runs"),
    device: Annotated[
        Device, typer.Option(help="Where torch computes.", rich_help_panel=_WHERE)
    ] = Device.cpu,
    threads: Threads = 1,
    memory: Memory = "1GB",
    as_json: AsJson = False,
) -> None:
    """Train a model (or take one), audit its attention on every test text, write the report.

    Without SPEC, --task or --data it audits the generated corpus `planted`. `attnaudit show RUN` prints the
    answers again.
    """
    flags: dict[str, Any] = {
        "task": _task(task, data, dev_path=dev_data, test_path=test_data, text_column=text_column,
                      label_column=label_column, query_column=query_column, split_column=split_column,
                      drop_empty=drop_empty or None),
        "model": _given(name="earlier" if from_run else None, run=from_run and str(_folder(from_run, store)),
                        encoder=encoder, attention=attention, hidden=hidden, vectors=vectors),
        "train": _given(epochs=epochs),
        "seed": seed,
        "limit": limit,
        "keep_text": False if no_text else None,
        "measures": measure,
        "counterfactuals": counterfactual,
    }  # fmt: skip
    values = merged(read_values(spec) if spec else {}, _given(**flags))
    if from_run and data:
        values["task"] = _columns_of(_folder(from_run, store)) | values["task"]
    for setting in settings or []:
        values = merged(values, _setting(setting))
    asked = Spec.parse(values, source=str(spec) if spec else "spec")
    if search and all(entry.name != "adversarial_search" for entry in asked.counterfactuals):
        with_search = (*asked.counterfactuals, AdversarialSearch())
        asked = asked.model_copy(update={"counterfactuals": with_search})
    companions = _companions(seeds, beside, hide, controls=not no_controls)
    where = _Where(store, device, threads, limits.size_of(memory), jobs)
    _audit(asked, where, companions, _policy(policy), as_json=as_json)


@app.command("import")
def import_scores(
    file: Annotated[
        Path, typer.Argument(help="JSONL (also .gz) or Parquet, a row a text: see docs/import.md.")
    ],
    classes: Annotated[
        str | None,
        typer.Option(
            help="Names of the classes in the order of the outputs, with commas.", rich_help_panel=_DATA
        ),
    ] = None,
    normalise: Annotated[
        bool,
        typer.Option("--normalise", help="Make attention sum to 1 where it does not.", rich_help_panel=_DATA),
    ] = False,
    no_text: Annotated[
        bool,
        typer.Option("--no-text", help="Keep texts out of tables and report.", rich_help_panel=_DATA),
    ] = False,
    store: Store = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Take attention and scores that were computed elsewhere, and say what they show without their model."""
    from attnaudit.imported import import_scores

    with progress_bars(quiet=as_json) as progress:
        result = import_scores(
            file,
            store=store,
            classes=None if classes is None else [name.strip() for name in classes.split(",")],
            normalise=normalise,
            keep_text=not no_text,
            progress=progress,
        )
    _told(result, as_json=as_json)


@app.command()
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
    result = _open(run, store)
    print(write_report(result, output))
    if figures is not None:
        for path in export_figures(result, figures, chosen):
            print(path)


@app.command()
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
        given = merged(given, _setting(setting))
    planned = jain2019.plan(
        only=_split(only),
        encoders=_split(encoder),
        attentions=_split(attention),
        seeds=_seeds(seeds),
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


@app.command("show")
def show_run(run: Run, store: Store = Path("runs"), as_json: AsJson = False) -> None:
    """Print the summary of a run."""
    from attnaudit import store as stored

    result = _open(run, store)
    if as_json:
        written = result.folder / stored.REPORT
        print(json.dumps(_plain(result, written if written.exists() else None), ensure_ascii=False, indent=1))
    else:
        show(result)


class CardFormat(StrEnum):
    """How the card is written."""

    terminal = "terminal"
    markdown = "markdown"
    json = "json"


@app.command()
def card(
    run: Run,
    policy: PolicyFile = None,
    written_as: Annotated[
        CardFormat, typer.Option("--format", help="Markdown is for a model card, JSON for programs.")
    ] = CardFormat.terminal,
    output: Annotated[
        Path | None, typer.Option(help="A file for the Markdown or JSON, instead of standard output.")
    ] = None,
    seeds: Seeds = 1,
    beside: Beside = None,
    hide: Hidden = None,
    no_controls: NoControls = False,
    jobs: Jobs = None,
    store: Store = Path("runs"),
    threads: Threads = 1,
    memory: Memory = "1GB",
) -> None:
    """Print the evidence card of a run: what its attention may be used for, and the five questions.

    With --seeds or --with what is missing is trained first, beside the run and from its own spec.
    """
    from attnaudit.card_text import markdown, plain
    from attnaudit.terminal_card import show_card

    asked = _policy(policy)
    companions = _companions(seeds, beside, hide, controls=not no_controls)
    if seeds > 1 or companions.kinds:
        found = _open(run, store)
        where = _Where(found.folder.parent, Device.cpu, threads, limits.size_of(memory), jobs)
        _gather(found, where, companions, asked, quiet=False)
    if written_as is CardFormat.terminal:
        if output is not None:
            raise SpecError("`--output` needs `--format markdown` or `--format json`")
        show_card(_open(run, store), asked)
        return
    result = _open(run, store)
    text = (
        markdown(result, asked)
        if written_as is CardFormat.markdown
        else json.dumps(plain(result, asked), ensure_ascii=False, indent=1) + "\n"
    )
    _write(text, output)


@app.command()
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

    result = _open(run, store)
    asked = _policy(policy) or result.policy
    found = held(result.answers(asked), result.controls, asked)
    if as_json:
        print(json.dumps(plain_check(found, result.controls, asked), ensure_ascii=False, indent=1))
    else:
        show_check(found, result.controls)
    raise typer.Exit(EXIT_CODES[found.outcome])


@app.command()
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
    found = compared(_open(a, store), _open(b, store))
    if where is not None:
        compare_document.write_comparison(found, where)
    if as_json:
        print(json.dumps(compare_document.plain(found), ensure_ascii=False, indent=1))
        return
    show_comparison(found)
    if where is not None:
        print(where)


@app.command()
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


@app.command()
def verify(run: Run, store: Store = Path("runs")) -> None:
    """Say whether a run folder is whole and unaltered; exit code 2 when it is not."""
    from attnaudit import store as stored

    folder = _folder(run, store)
    if faults := stored.verify(folder):
        for fault in faults:
            print(fault, file=sys.stderr)
        raise typer.Exit(2)
    manifest = stored.read_manifest(folder)
    rows = sum(table["rows"] for table in manifest["tables"].values())
    print(f"{folder}: whole and unaltered, {len(manifest['tables'])} tables, {rows} rows")


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


@dataclasses.dataclass(frozen=True, slots=True)
class _Where:
    """Where the work is done; `jobs` are processes at a time, as many as there are cores where not given."""

    store: Path
    device: Device
    threads: int
    memory: int
    jobs: int | None = None


def _audit(
    spec: Spec, where: _Where, companions: Companions, policy: Policy | None, *, as_json: bool
) -> None:
    from attnaudit.run import audit
    from attnaudit.studies.gather import plan

    plan(spec, where.store, companions)  # what cannot be trained is said before anything is
    if spec.modules:
        sys.path.append(str(Path.cwd()))  # a script's own folder is not the one it is started in
    with progress_bars(quiet=as_json) as progress:
        result = audit(
            spec,
            store=where.store,
            device=where.device.value,
            threads=where.threads,
            memory=where.memory,
            progress=progress,
        )
    result = _gather(result, where, companions, policy, quiet=as_json)
    _told(result, as_json=as_json)


def _told(result: Any, *, as_json: bool) -> None:
    """Write the report of a run that was just made, and print what it says."""
    from attnaudit.report import write_report

    try:
        written = write_report(result)
    except AuditError as error:
        error.add_note(
            f"The run itself is finished: `attnaudit report {result.folder} --output FILE` writes the report."
        )
        raise
    if as_json:
        print(json.dumps(_plain(result, written), ensure_ascii=False, indent=1))
        return
    show(result)
    print(f"run     {result.folder}\nreport  {written}")


def _gather(result: Any, where: _Where, companions: Companions, policy: Policy | None, *, quiet: bool) -> Any:
    """The run with what its companions add; the reason of each that failed is said and the rest is kept."""
    from attnaudit.studies.gather import gather

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with progress_bars(quiet=quiet) as progress:
        gathered = gather(
            result,
            companions,
            policy=policy,
            device=where.device.value,
            threads=where.threads,
            memory=where.memory,
            jobs=where.jobs or max(1, cores // where.threads),
            progress=progress,
        )
    for name, reason in (gathered.evidence or {}).get("failed", {}).items():
        console = Console(stderr=True, soft_wrap=True)
        console.print(f"[yellow]note[/] {printable(f'{name} was left out: {reason}')}", highlight=False)
    return gathered


def _companions(
    seeds: int, beside: list[str] | None, hide: list[str] | None, *, controls: bool = True
) -> Companions:
    given = {"seeds": seeds, "kinds": _split(beside), "hide": hide or [], "controls": controls}
    return Companions.parse(given)


def _plain(result: Any, report_path: Path | None) -> dict[str, Any]:
    """What `--json` prints."""
    from attnaudit.card_text import plain_uses

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
        "report": report_path and str(report_path),
        "test": {row["metric"]: row["value"] for row in result.tables["scores"].to_pylist()},
        "summary": summary,
        "card": answers,
        "uses": plain_uses(result.uses()),
    }


def _policy(path: Path | None) -> Policy | None:
    return None if path is None else Policy.read(path)


def _write(text: str, path: Path | None) -> None:
    from attnaudit.store import write_atomically

    if path is None:
        print(text, end="")
    else:
        write_atomically(path, text.encode())
        print(path)


def _data_table(store: Path, *, as_json: bool) -> None:
    from attnaudit.reproduce.data_table import data_table
    from attnaudit.terminal_sweep import show_data_table

    rows = data_table(store=store)
    if as_json:
        print(json.dumps([dataclasses.asdict(row) for row in rows], ensure_ascii=False, indent=1))
    else:
        show_data_table(rows)


def _open(run: str, store: Path) -> Any:
    from attnaudit.result import Result

    return Result.open(_folder(run, store))


def _folder(run: str, store: Path) -> Path:
    """A folder of that name, else the run of that name or id in the store."""
    if Path(run).is_dir():
        return Path(run)
    by_id = sorted(store.glob(f"*-{run}")) if run.isalnum() else []
    return next((path for path in (store / run, *by_id) if path.is_dir()), Path(run))


def _task(task: str | None, data: str | None, **columns: Any) -> dict[str, Any] | str | None:
    if data is None:
        given = _given(**columns)
        return {"name": task, **given} if task and given else task or given
    if task not in (None, "file", "hub"):
        raise SpecError(f"`--task {task}` and `--data` name two corpora; give one of them")
    if data.startswith("hf:"):
        return _given(name="hub", dataset=data.removeprefix("hf:"), **columns)
    return _given(name="file", path=data, **columns)


def _without_folder(argument: str) -> str:
    """An argument of the command line without the folders in it: the page that shows it travels."""
    before, equals, value = argument.rpartition("=")
    return before + equals + (Path(value).name if "/" in value or "\\" in value else value)


def _split(values: list[str] | None) -> list[str]:
    """Names that were given one by one or with commas."""
    return [name.strip() for value in values or [] for name in value.split(",") if name.strip()]


def _seeds(text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        raise SpecError(f"`--seeds` must be whole numbers with commas between them, found `{text}`") from None
    return list(dict.fromkeys(found))


def _columns_of(folder: Path) -> dict[str, Any]:
    """The columns that an earlier run read, for other data of the same kind."""
    from attnaudit import store as stored

    task = stored.read_manifest(folder)["spec"].get("task", {})
    return {name: task[name] for name in ("text_column", "label_column", "query_column") if task.get(name)}


def _given(**values: Any) -> dict[str, Any]:
    """Only what was given on the command line."""
    return {key: value for key, value in values.items() if value not in (None, {}, [])}


def _setting(text: str) -> dict[str, Any]:
    """`train.batch=64` as nested values; the value is read as JSON, or as text when it is none."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise SpecError(f"`--set` must be of the form KEY=VALUE, found `{text}`")
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        parsed = value
    for part in reversed(key.split(".")):
        parsed = {part: parsed}
    return dict(parsed)
