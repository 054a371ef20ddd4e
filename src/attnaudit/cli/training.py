"""The commands that make a run, or add to one."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from attnaudit import memory as limits
from attnaudit.cli.options import (
    DATA,
    MODEL,
    QUESTIONS,
    WHERE,
    AsJson,
    Beside,
    CardFormat,
    Device,
    Hidden,
    Jobs,
    Memory,
    NoControls,
    PolicyFile,
    Run,
    Seeds,
    Store,
    Threads,
    TooLong,
)
from attnaudit.cli.values import (
    columns_of,
    companions_of,
    folder_of,
    given,
    jobs_of,
    opened,
    policy_of,
    setting_of,
    task_of,
)
from attnaudit.errors import AuditError, SpecError
from attnaudit.harmless import printable
from attnaudit.result import Result
from attnaudit.spec import KNOWN, AdversarialSearch, Spec, merged, read_values
from attnaudit.spec.companions import Companions
from attnaudit.spec.policy import Policy
from attnaudit.terminal import progress_bars, show


def demo(store: Store = Path("runs"), threads: Threads = 1, as_json: AsJson = False) -> None:
    """Train and audit a small model on the generated corpus `planted`; needs no data and no network."""
    how = _How(Device.cpu, threads, limits.DEFAULT, jobs_of(None, threads))
    _audit(Spec(), store, Companions(), None, how, as_json=as_json)


def run(
    spec: Annotated[
        Path | None, typer.Argument(metavar="[SPEC]", help="A TOML or YAML file; flags override it.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="A corpus by name: see `attnaudit data`.", rich_help_panel=DATA)
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Your own CSV, TSV, JSONL or Parquet file, or `hf:NAME` for the hub.", rich_help_panel=DATA
        ),
    ] = None,
    dev_data: Annotated[
        str | None, typer.Option(help="A file with the development part.", rich_help_panel=DATA)
    ] = None,
    test_data: Annotated[
        str | None, typer.Option(help="A file with the test part.", rich_help_panel=DATA)
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(help="Column that holds the text.", rich_help_panel=DATA)
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(help="Column that holds the class.", rich_help_panel=DATA)
    ] = None,
    query_column: Annotated[
        str | None,
        typer.Option(help="Column of a question or hypothesis, read beside the text.", rich_help_panel=DATA),
    ] = None,
    split_column: Annotated[
        str | None, typer.Option(help="Column that says train, dev or test.", rich_help_panel=DATA)
    ] = None,
    drop_empty: Annotated[
        bool,
        typer.Option(
            "--drop-empty", help="Leave out rows with an empty text or label.", rich_help_panel=DATA
        ),
    ] = False,
    no_text: Annotated[
        bool,
        typer.Option(
            "--no-text",
            help="Keep texts out of tables and report; the vocabulary of the model still holds words.",
            rich_help_panel=DATA,
        ),
    ] = False,
    from_run: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Audit the model of an earlier run; nothing is trained.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="A transformer that classifies texts: its folder, or its name on the hub; nothing is trained.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    too_long: Annotated[
        TooLong | None,
        typer.Option(
            help="What is done with texts that are longer than it can read (refuse).", rich_help_panel=MODEL
        ),
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(KNOWN['encoder'])}.", rich_help_panel=MODEL)
    ] = None,
    attention: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(KNOWN['attention'])}.", rich_help_panel=MODEL)
    ] = None,
    hidden: Annotated[
        int | None, typer.Option(help="Units of the encoder, per direction (128).", rich_help_panel=MODEL)
    ] = None,
    vectors: Annotated[
        str | None,
        typer.Option(
            help="File of word vectors (GloVe or fastText text format), or `minilm`.", rich_help_panel=MODEL
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of training (8).", rich_help_panel=MODEL)] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of everything that is drawn (0).", rich_help_panel=MODEL)
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(help="Audit only so many texts, drawn with the seed (all).", rich_help_panel=QUESTIONS),
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A measure of importance: {', '.join(KNOWN['measure'])}; repeat for several.",
            rich_help_panel=QUESTIONS,
        ),
    ] = None,
    counterfactual: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Another attention to put in: {', '.join(KNOWN['counterfactual'])}; repeat for several.",
            rich_help_panel=QUESTIONS,
        ),
    ] = None,
    search: Annotated[
        bool,
        typer.Option(
            "--search", help="Also run the paper's own adversarial search.", rich_help_panel=QUESTIONS
        ),
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any setting of the spec, as in `train.batch=64`; repeat for several.",
            rich_help_panel=QUESTIONS,
        ),
    ] = None,
    seeds: Seeds = 1,
    beside: Beside = None,
    hide: Hidden = None,
    no_controls: NoControls = False,
    policy: PolicyFile = None,
    jobs: Jobs = None,
    store: Store = Path("runs"),
    device: Annotated[Device, typer.Option(help="Where torch computes.", rich_help_panel=WHERE)] = Device.cpu,
    threads: Threads = 1,
    memory: Memory = "1GB",
    as_json: AsJson = False,
) -> None:
    """Train a model (or take one), audit its attention on every test text, write the report.

    Without SPEC, --task or --data it audits the generated corpus `planted`. `attnaudit show RUN` prints the
    answers again.
    """
    flags: dict[str, Any] = {
        "task": task_of(task, data, dev_path=dev_data, test_path=test_data, text_column=text_column,
                      label_column=label_column, query_column=query_column, split_column=split_column,
                      drop_empty=drop_empty or None),
        "model": given(name="earlier" if from_run else "transformer" if model else None,
                        run=from_run and str(folder_of(from_run, store)), path=model,
                        too_long=too_long and too_long.value, encoder=encoder, attention=attention,
                        hidden=hidden, vectors=vectors),
        "train": given(epochs=epochs),
        "seed": seed,
        "limit": limit,
        "keep_text": False if no_text else None,
        "measures": measure,
        "counterfactuals": counterfactual,
    }  # fmt: skip
    values = merged(read_values(spec) if spec else {}, given(**flags))
    if from_run and data:
        values["task"] = columns_of(folder_of(from_run, store)) | values["task"]
    for setting in settings or []:
        values = merged(values, setting_of(setting))
    asked = Spec.parse(values, source=str(spec) if spec else "spec")
    if search and all(entry.name != "adversarial_search" for entry in asked.counterfactuals):
        with_search = [*asked.plain()["counterfactuals"], AdversarialSearch().model_dump()]
        asked = Spec.parse(asked.plain() | {"counterfactuals": with_search}, source="`--search`")
    companions = companions_of(seeds, beside, hide, controls=not no_controls)
    how = _How(device, threads, limits.size_of(memory), jobs_of(jobs, threads))
    _audit(asked, store, companions, policy_of(policy), how, as_json=as_json)


def import_scores(
    file: Annotated[
        Path, typer.Argument(help="JSONL (also .gz) or Parquet, a row a text: see docs/import.md.")
    ],
    classes: Annotated[
        str | None,
        typer.Option(
            help="Names of the classes in the order of the outputs, with commas.", rich_help_panel=DATA
        ),
    ] = None,
    normalise: Annotated[
        bool,
        typer.Option("--normalise", help="Make attention sum to 1 where it does not.", rich_help_panel=DATA),
    ] = False,
    no_text: Annotated[
        bool,
        typer.Option("--no-text", help="Keep texts out of tables and report.", rich_help_panel=DATA),
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
    _tell(result, as_json=as_json)


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
    from attnaudit.store import write_atomically
    from attnaudit.terminal_card import show_card

    if output is not None and written_as is CardFormat.terminal:
        raise SpecError("`--output` needs `--format markdown` or `--format json`")
    asked = policy_of(policy)
    companions = companions_of(seeds, beside, hide, controls=not no_controls)
    if seeds > 1 or companions.kinds:
        how = _How(Device.cpu, threads, limits.size_of(memory), jobs_of(jobs, threads))
        _gather(opened(run, store), companions, asked, how, quiet=False)
    elif in_vain := [flag for flag, value in (("--no-controls", no_controls), ("--jobs", jobs)) if value]:
        raise SpecError(
            f"`{'` and `'.join(in_vain)}` would do nothing, since no model is to be trained beside this run; "
            "also give `--seeds N` (2 or more) or `--with KIND`"
        )
    if written_as is CardFormat.terminal:
        show_card(opened(run, store), asked)
        return
    result = opened(run, store)
    text = (
        markdown(result, asked)
        if written_as is CardFormat.markdown
        else json.dumps(plain(result, asked), ensure_ascii=False, indent=1) + "\n"
    )
    if output is None:
        print(text, end="")
    else:
        write_atomically(output, text.encode())
        print(output)


@dataclass(frozen=True, slots=True)
class _How:
    """How it is computed: where, with how many threads, in batches of how many bytes, in how many processes."""

    device: Device
    threads: int
    memory: int
    jobs: int


def _audit(
    spec: Spec, store: Path, companions: Companions, policy: Policy | None, how: _How, *, as_json: bool
) -> None:
    """Audit, gather what its companions add, and tell."""
    from attnaudit.run import audit
    from attnaudit.studies.gather import plan

    plan(spec, store, companions)  # what cannot be trained is said before anything is
    if spec.modules:
        sys.path.append(str(Path.cwd()))  # a script's own folder is not the one it is started in
    with progress_bars(quiet=as_json) as progress:
        result = audit(
            spec,
            store=store,
            device=how.device.value,
            threads=how.threads,
            memory=how.memory,
            progress=progress,
        )
    _tell(_gather(result, companions, policy, how, quiet=as_json), as_json=as_json)


def _gather(
    result: Result, companions: Companions, policy: Policy | None, how: _How, *, quiet: bool
) -> Result:
    """The run with what its companions add; the reason of each that failed is said and the rest is kept."""
    from attnaudit.studies.gather import gather

    with progress_bars(quiet=quiet) as progress:
        gathered = gather(
            result,
            companions,
            policy=policy,
            device=how.device.value,
            threads=how.threads,
            memory=how.memory,
            jobs=how.jobs,
            progress=progress,
        )
    for name, reason in (gathered.evidence or {}).get("failed", {}).items():
        console = Console(stderr=True, soft_wrap=True)
        console.print(f"[yellow]note[/] {printable(f'{name} was left out: {reason}')}", highlight=False)
    return gathered


def _tell(result: Result, *, as_json: bool) -> None:
    """Write the report of a run that was just made, and print what it says."""
    from attnaudit.card_text import plain_run
    from attnaudit.report import write_report

    try:
        written = write_report(result)
    except AuditError as error:
        error.add_note(
            f"The run itself is finished: `attnaudit report {result.folder} --output FILE` writes the report."
        )
        raise
    if as_json:
        print(json.dumps(plain_run(result, written), ensure_ascii=False, indent=1))
        return
    show(result)
    print(f"run     {result.folder}\nreport  {written}")
