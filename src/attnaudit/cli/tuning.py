"""`attnaudit train`: a transformer fine-tuned on a corpus, in a folder that `attnaudit run --model` takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from attnaudit.cli.options import DATA, MODEL, AsJson, Threads
from attnaudit.cli.values import task_of
from attnaudit.errors import SpecError
from attnaudit.spec import Spec
from attnaudit.terminal import progress_bars
from attnaudit.wording import quality_line


def train(
    model: Annotated[
        str,
        typer.Option(
            help="A pre-trained transformer: its folder, its name on the hub, or `minilm`.",
            rich_help_panel=MODEL,
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder for the fine-tuned model.", rich_help_panel=MODEL)],
    task: Annotated[
        str | None, typer.Option(help="A corpus by name: see `attnaudit data`.", rich_help_panel=DATA)
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Your own file, or `hf:NAME` for the hub.", rich_help_panel=DATA)
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(help="Column that holds the text.", rich_help_panel=DATA)
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(help="Column that holds the class.", rich_help_panel=DATA)
    ] = None,
    query_column: Annotated[
        str | None, typer.Option(help="Column of a second text, read behind it.", rich_help_panel=DATA)
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, max=1000, rich_help_panel=MODEL)] = 2,
    batch: Annotated[int, typer.Option(min=1, help="Texts in a step.", rich_help_panel=MODEL)] = 32,
    learning_rate: Annotated[
        float, typer.Option(min=1e-8, max=1.0, help="At its height.", rich_help_panel=MODEL)
    ] = 5e-5,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.", rich_help_panel=MODEL)] = 0,
    longest: Annotated[
        int,
        typer.Option(
            min=8, help="Pieces of a text that are learned from; the rest is left out.", rich_help_panel=MODEL
        ),
    ] = 256,
    threads: Threads = 1,
    as_json: AsJson = False,
) -> None:
    """Fine-tune a transformer to classify texts; `attnaudit run --model FOLDER` then audits it.

    Goes on where it was when it was stopped and the same command is given again. Computes in bfloat16 where the
    processor does; audits are always in float32.
    """
    import torch

    from attnaudit.finetune import can_halve, finetune, save
    from attnaudit.models.minilm import minilm_folder
    from attnaudit.models.pretrained import untrained
    from attnaudit.models.vectors import MINILM
    from attnaudit.store import write_atomically
    from attnaudit.tasks import read
    from attnaudit.tasks.corpus import divided
    from attnaudit.train import Schedule

    if output.exists():
        raise SpecError(f"{output}: is there already; give another `--output`, or remove it")
    asked = task_of(task, data, text_column=text_column, label_column=label_column, query_column=query_column)
    spec = Spec.parse({"task": asked or "planted", "seed": seed})
    corpus = divided(read(spec.task, seed=seed), seed=seed)
    torch.set_num_threads(threads)
    path = str(minilm_folder()) if model == MINILM else model
    made, tokenizer = untrained(path, corpus.classes, seed)
    checkpoint = output.with_name(f"{output.name}.last-epoch.safetensors")
    with progress_bars(quiet=as_json) as progress:
        learned, best = finetune(
            made,
            tokenizer,
            corpus.splits["train"],
            corpus.splits["dev"],
            Schedule(epochs, batch, learning_rate, 0.01),
            attended=corpus.attended,
            query=corpus.query,
            longest=longest,
            seed=seed,
            half=can_halve(),
            checkpoint=checkpoint,
            progress=progress,
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    save(made, tokenizer, output)
    told = {
        "from": model if model == MINILM else Path(model).name,
        "corpus": corpus.name,
        "seed": seed,
        "kept": best,
        "epochs": [
            {"number": e.number, "train_loss": e.train_loss, "dev_loss": e.dev_loss, "dev": e.dev_scores}
            for e in learned
        ],
    }
    write_atomically(output / "attnaudit-training.json", (json.dumps(told, indent=1) + "\n").encode())
    checkpoint.unlink(missing_ok=True)
    if as_json:
        print(json.dumps(told | {"path": str(output)}, indent=1))
        return
    print(
        f"kept epoch {best} of {epochs}: on the development split {quality_line(learned[best - 1].dev_scores)}"
    )
    print(f"model   {output}\nnext    attnaudit run --model {output} --task {corpus.name}")
