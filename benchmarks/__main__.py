"""Each stage, ours against the literal way, interleaved in one run, medians; printed as one table.

Untrained weights of the paper's sizes (embedding 300, hidden 128), one thread. An untrained LSTM forgets faster
than a trained one, so leave-one-out is flattered a little here: `--model RUN` times the model of a finished run.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from attnaudit import text
from attnaudit.counterfactual.exact import AdversarialExact
from attnaudit.counterfactual.search import AdversarialSearch
from attnaudit.instance import Instance
from attnaudit.models import load
from attnaudit.models.attentive import AttentiveModel
from attnaudit.models.interface import delete_each, delete_each_by_trace, replay, replay_by_trace

LENGTHS = (20, 50, 100, 200)
ROUNDS = 3
DRAWS = 100


def paper_model() -> AttentiveModel:
    """Untrained, of the paper's sizes."""
    torch.manual_seed(0)
    words = [text.Token(f"word{letter}{n}", 0, 1) for letter in "abcdefgh" for n in range(500)]
    return AttentiveModel(text.vocabulary([words]), ("no", "yes"), tokeniser="words-1")


def texts(model: AttentiveModel, length: int, count: int) -> list[Instance]:
    """Random words of the vocabulary that the tokeniser leaves whole."""
    draw = random.Random(length)
    tokenise = text.TOKENISERS[model.settings["tokeniser"]]
    whole = [word for word in model.vocabulary.words[4:] if len(tokenise(word)) == 1]
    return [Instance(f"{n}", {"text": " ".join(draw.choices(whole, k=length))}, 0) for n in range(count)]


def packed_training_step(model: AttentiveModel, lengths: list[int]) -> Callable[[], None]:
    """Forward and backward of a packed bidirectional LSTM on the same shapes."""
    lstm = nn.LSTM(
        model.embedding.embedding_dim, model.encoder.dim // 2, bidirectional=True, batch_first=True
    )
    inputs = torch.randn(len(lengths), max(lengths), model.embedding.embedding_dim)

    def step() -> None:
        rows = nn.utils.rnn.pack_padded_sequence(inputs, torch.tensor(lengths), True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(lstm(rows)[0], batch_first=True)
        states.sum().backward()

    return step


def our_training_step(model: AttentiveModel, lengths: list[int]) -> Callable[[], None]:
    """Forward and backward of our encoder."""
    inputs = torch.randn(len(lengths), max(lengths), model.embedding.embedding_dim)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return lambda: model.encoder(inputs, mask).sum().backward()


def stages(
    model: AttentiveModel, length: int
) -> dict[str, tuple[int, Callable[[], object], Callable[[], object]]]:
    """For each stage: number of instances, the literal way, ours."""
    count = max(2, 1600 // length)
    batch = model.encode(texts(model, length, count))
    with torch.no_grad():
        trace = model.trace(batch)
    weights = torch.rand(count, DRAWS, 1, batch.token_ids.shape[1]) * batch.audit_mask[:, None, None]
    weights = weights / weights.sum(-1, keepdim=True)
    uneven = [max(1, round(length * (0.8 + 0.4 * n / 31))) for n in range(32)]
    return {
        "encoder, forward and backward": (
            32,
            packed_training_step(model, uneven),
            our_training_step(model, uneven),
        ),
        "leave-one-out": (
            count,
            lambda: delete_each_by_trace(model, batch),
            lambda: delete_each(model, batch),
        ),
        f"{DRAWS} permutations": (
            count,
            lambda: replay_by_trace(model, batch, weights),
            lambda: replay(model, batch, trace, weights),
        ),
        "ε-max JSD (search, exact)": (
            count,
            lambda: AdversarialSearch()(model, batch, trace, seed=0),
            lambda: AdversarialExact()(model, batch, trace, seed=0),
        ),
        "forward pass": (count, lambda: model.trace(batch), lambda: model.trace(batch)),
    }


def milliseconds(call: Callable[[], object], instances: int) -> float:
    """Wall time of one call, an instance."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000 / instances


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a finished run whose model is timed")
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    model = (load(chosen.model / "model.safetensors") if chosen.model else paper_model()).eval()
    print("| stage | tokens | literal, ms a text | ours, ms a text | ratio | ours in forward passes |")
    print("|---|---|---|---|---|---|")
    for length in chosen.lengths:
        found = stages(model, length)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
        for _ in range(ROUNDS):
            for name, (count, literal, ours) in found.items():
                with torch.set_grad_enabled(name.startswith("encoder")):
                    times[name].append((milliseconds(literal, count), milliseconds(ours, count)))
        forward = statistics.median(t for pair in times["forward pass"] for t in pair)
        for name, pairs in times.items():
            literal, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
            if name != "forward pass":
                passes = f"{ours / forward:.1f}"
                print(
                    f"| {name} | {length} | {literal:.2f} | {ours:.2f} | {literal / ours:.1f} | {passes} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
