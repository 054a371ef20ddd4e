"""How tight the certified bracket of ε-max JSD is on the model of a run, and what it costs.

    python -m benchmarks.bracket RUN [TEXTS] [NODES …]

Of a finished run whose model reads a query (bAbI, SNLI). `closed` is the share of the trivial width, from the lower
bound to the largest JSD with no regard to the output, that the upper bound closes on the texts that are not certified
within 1 %.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from attnaudit import tasks
from attnaudit.case import cases
from attnaudit.counterfactual.bracket import bracket
from attnaudit.models import load
from attnaudit.result import Result
from attnaudit.tasks import corpus


def main(run: str, texts: int = 200, *nodes: int) -> None:
    torch.set_num_threads(1)
    result = Result.open(run)
    model = load(result.folder / "model.safetensors")
    read = tasks.read(result.spec.task, seed=result.spec.seed)
    batch = model.encode(corpus.drawn(read.splits["test"], texts, seed=0))
    with torch.no_grad():
        found = cases(model, batch, model.trace(batch), needed_by="the benchmark")
    print("| nodes | lower | upper | trivial | certified within 1 % | closed | ms a text |")
    print("|---|---|---|---|---|---|---|")
    for limit in nodes or (1, 7, 31):
        began = time.process_time()
        bounds = [bracket(case.attention, case.readout, 0.05, nodes=limit) for case in found]
        spent = 1000 * (time.process_time() - began) / len(found)
        lower, upper, trivial = (
            np.array([getattr(b, name) for b in bounds]) for name in ("lower", "upper", "trivial")
        )
        open_ = upper - lower > 0.01 * upper
        width = (trivial - lower)[open_].sum()
        closed = f"{(trivial - upper)[open_].sum() / width:.0%}" if width > 0 else "–"
        print(
            f"| {limit} | {lower.mean():.3f} | {upper.mean():.3f} | {trivial.mean():.3f} "
            f"| {1 - open_.mean():.0%} | {closed} | {spent:.0f} |"
        )


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
