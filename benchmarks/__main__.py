"""Each stage of an audit, ours against the protocol done word for word (`benchmarks/literal`), as one page.

    python -m benchmarks [--model RUN] [--write]

One process, one thread, both ways in turn, medians of CPU time. Without `--model` the weights are untrained: their
LSTM forgets faster than a trained one does, so leave-one-out is flattered.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch

from attnaudit import memory
from attnaudit.models import load
from attnaudit.models.attentive import AttentiveModel
from benchmarks.stages import Stage, beside_captum, exact_extremes, paper_model, stages

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
TEXTS = {20: 256, 180: 40, 400: 8}
GROWTH = (25, 50, 100, 200, 400, 800)
TOGETHER = (1, 8, 64)
ROUNDS = 3
_SLOW = {("training", 400), ("ε-max JSD", 400)}  # the literal way: minutes for one row
_EXPERIMENTS = ("gradient", "leave-one-out", "100 permutations", "ε-max JSD", "τ-b")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", type=Path, help="a finished run of a BiLSTM text classifier")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    memory.keep_freed()
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
    yield (
        f"{_processor()}, {os.cpu_count()} cores, torch {torch.__version__}, one thread; BiLSTM of {weights}, "
        f"vocabulary of {len(model.vocabulary):,}."
    )
    yield ""
    by_length = {length: _ours(stages(model, length, texts=8, literal=False)) for length in GROWTH}
    together = {count: _ours(stages(model, 50, texts=count, literal=False)) for count in TOGETHER}
    growth = {
        name: (
            f"{_exponent([by_length[length][name] for length in GROWTH]):.2f} | "
            + " · ".join(f"{together[count][name]:.3g}" for count in TOGETHER)
        )
        for name in by_length[GROWTH[0]]
    }
    yield "| stage | tokens | literal, ms a text | ours | ratio | in forward passes | exponent | 1 · 8 · 64 texts |"
    yield "|---|---|---|---|---|---|---|---|"
    for length, texts in TEXTS.items():
        found = stages(model, length, texts=texts)
        for name, size in _SLOW:
            if size == length:
                found[name] = Stage(found[name].texts, None, found[name].ours)
        yield from _rows(_timed(found), length, growth)
    for encoder in ("cnn", "average"):
        found = stages(paper_model(encoder), 180, texts=16)
        times = _timed({name: found[name] for name in ("forward pass", "leave-one-out")})
        yield from _rows({f"{name}, {encoder}": value for name, value in times.items()}, 180, {})
    yield ""
    yield (
        "The exponent is that of a power law through ours at "
        f"{', '.join(map(str, GROWTH))} tokens; the last column is ours in ms a text of 50 tokens, so many handed "
        "over at a time."
    )
    yield ""
    extremes = _ours(exact_extremes(5000))
    yield (
        f"ε-max JSD of one text of 5,000 tokens: {extremes['usual']:.3g} ms as attention is, "
        f"{extremes['worst']:,.0f} ms where it is nearly uniform and no token alone is within ε, so that every edge "
        "must be looked at."
    )
    yield ""
    yield "Beside captum, on the same model (ms a text; 16 texts at a time):"
    yield ""
    yield "| measure | tokens | captum | ours | ratio |"
    yield "|---|---|---|---|---|"
    for length in (20, 180):
        for name, (theirs, ours) in _timed(beside_captum(model, length, 16)).items():
            assert theirs is not None
            yield f"| {name} | {length} | {theirs:.3g} | {ours:.3g} | {theirs / ours:.1f} |"
    yield ""


def _rows(
    times: Mapping[str, tuple[float | None, float]], length: int, growth: Mapping[str, str]
) -> Iterator[str]:
    forward = next(ours for name, (_, ours) in times.items() if name.startswith("forward pass"))
    rows = dict(times)
    literal = [times[name][0] for name in _EXPERIMENTS if name in times]
    if len(literal) == len(_EXPERIMENTS) and None not in literal:
        every = [times["forward pass"], *(times[name] for name in _EXPERIMENTS)]
        rows["all experiments"] = sum(one or 0.0 for one, _ in every), sum(ours for _, ours in every)
    for name, (once, ours) in rows.items():
        against = ("–", "–") if once is None else (f"{once:.3g}", f"{once / ours:.1f}")
        yield (
            f"| {name} | {length} | {against[0]} | {ours:.3g} | {against[1]} | {ours / forward:.1f} | "
            f"{growth.get(name, '– | –')} |"
        )


def _timed(found: Mapping[str, Stage]) -> dict[str, tuple[float | None, float]]:
    return {name: _times(stage) for name, stage in found.items()}


def _ours(found: Mapping[str, Stage]) -> dict[str, float]:
    return {name: ours for name, (_, ours) in _timed(found).items()}


@torch.no_grad()
def _times(stage: Stage) -> tuple[float | None, float]:
    """Median milliseconds a text, literal and ours, in turn; the first of ours is not counted."""
    literal, ours = [], []
    stage.ours()
    for _ in range(ROUNDS):
        if stage.literal is not None:
            literal.append(_milliseconds(stage.literal) / stage.texts)
        ours.append(_milliseconds(stage.ours) / stage.texts)
    return statistics.median(literal) if literal else None, statistics.median(ours)


def _milliseconds(call: Callable[[], object]) -> float:
    """CPU time of this process: what else runs on the machine counts for less."""
    start = time.process_time()
    call()
    return (time.process_time() - start) * 1000


def _exponent(times: list[float]) -> float:
    """The slope of the line through the logarithms."""
    return statistics.linear_regression([math.log(n) for n in GROWTH], [math.log(t) for t in times]).slope


def _processor() -> str:
    """Its name, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


if __name__ == "__main__":
    main()
