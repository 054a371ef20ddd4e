"""Each stage of an audit, ours against the protocol done word for word (`benchmarks/literal`), as one page.

    python -m benchmarks [--model RUN] [--write]

One process, one thread, both ways in turn, medians. Without `--model` the weights are untrained: their LSTM forgets
faster than a trained one does, so leave-one-out is flattered.
"""

from __future__ import annotations

import argparse
import math
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from attnaudit.models import load
from attnaudit.models.attentive import AttentiveModel
from benchmarks.stages import Stage, paper_model, stages

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
LENGTHS = (20, 180, 400)
GROWTH = (25, 50, 100, 200, 400, 800)
TEXTS = (1, 8, 64)
ROUNDS = 3
_SLOW = {("training", 400), ("ε-max JSD", 400)}  # the literal way: minutes for one row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", type=Path, help="a finished run of a BiLSTM text classifier")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    model = load(chosen.model / "model.safetensors").eval() if chosen.model else paper_model()
    lines = []
    for line in page(model, f"the run {chosen.model.name}" if chosen.model else "untrained weights"):
        print(line, flush=True)
        lines.append(line)
    if chosen.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        PAGE.write_text("\n".join([before + BEGIN, *lines, END + after]), encoding="utf-8")


def page(model: AttentiveModel, weights: str) -> Iterator[str]:
    """The tables, a line at a time."""
    yield ""
    yield f"{platform.machine()}, torch {torch.__version__}, one thread; BiLSTM of {weights}."
    yield ""
    yield "| stage | tokens | literal, ms a text | ours, ms a text | ratio | ours in forward passes |"
    yield "|---|---|---|---|---|---|"
    for length in LENGTHS:
        found = stages(model, length)
        for name, size in _SLOW:
            if size == length:
                found[name] = Stage(found[name].texts, None, found[name].ours)
        yield from _rows(found, length, "")
    for encoder in ("cnn", "average"):
        found = stages(paper_model(encoder), 180)
        only = {name: found[name] for name in ("forward pass", "leave-one-out")}
        yield from _rows(only, 180, f", {encoder}")
    yield ""
    yield "How ours grows with the length of a text (ms a text, and the exponent of a power law through them):"
    yield ""
    yield f"| stage | {' | '.join(map(str, GROWTH))} | exponent |"
    yield f"|---|{'---|' * (len(GROWTH) + 1)}"
    by_length = {length: _ours(stages(model, length, texts=8, literal=False)) for length in GROWTH}
    for name in by_length[GROWTH[0]]:
        times = [by_length[length][name] for length in GROWTH]
        yield f"| {name} | {' | '.join(f'{t:.3g}' for t in times)} | {_exponent(GROWTH, times):.2f} |"
    yield ""
    yield "How it grows with the number of texts handed over at a time (50 tokens, ms a text):"
    yield ""
    yield f"| stage | {' | '.join(map(str, TEXTS))} |"
    yield f"|---|{'---|' * len(TEXTS)}"
    by_texts = {count: _ours(stages(model, 50, texts=count, literal=False)) for count in TEXTS}
    for name in by_texts[TEXTS[0]]:
        yield f"| {name} | {' | '.join(f'{by_texts[count][name]:.3g}' for count in TEXTS)} |"
    yield ""


def _rows(found: dict[str, Stage], length: int, note: str) -> Iterator[str]:
    times = {name: _times(stage) for name, stage in found.items()}
    forward = times["forward pass"][1]
    for name, (literal, ours) in times.items():
        against = ("–", "–") if literal is None else (f"{literal:.3g}", f"{literal / ours:.1f}")
        yield f"| {name}{note} | {length} | {against[0]} | {ours:.3g} | {against[1]} | {ours / forward:.1f} |"


def _ours(found: dict[str, Stage]) -> dict[str, float]:
    return {name: _times(stage)[1] for name, stage in found.items()}


@torch.no_grad()
def _times(stage: Stage) -> tuple[float | None, float]:
    """Median milliseconds a text, literal and ours, in turn."""
    literal, ours = [], []
    for _ in range(ROUNDS):
        if stage.literal is not None:
            literal.append(_milliseconds(stage.literal) / stage.texts)
        ours.append(_milliseconds(stage.ours) / stage.texts)
    return statistics.median(literal) if literal else None, statistics.median(ours)


def _milliseconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def _exponent(lengths: tuple[int, ...], times: list[float]) -> float:
    """The slope of the line through the logarithms."""
    return statistics.linear_regression([math.log(n) for n in lengths], [math.log(t) for t in times]).slope


if __name__ == "__main__":
    main()
