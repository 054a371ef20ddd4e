"""Small finished runs made by hand, with numbers that a test can choose; no model and no torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from attnaudit import store, tables
from attnaudit.reproduce import Cell
from attnaudit.result import Result

TOKENS = 8


def made_run(
    folder: Path,
    name: str,
    *,
    n: int = 40,
    classes: Sequence[str] = ("negative", "positive"),
    prediction: Sequence[int] | None = None,
    swaps: int = 0,
    tvd: float | Sequence[float] = 0.05,
    largest: float | Sequence[float] = 0.3,
    jsd: Mapping[str, float] | None = None,
    seed: int = 0,
    sizes: Mapping[str, Mapping[str, int]] | None = None,
    spec: Mapping[str, object] | None = None,
    undefined: int = 0,
) -> Result:
    """A run whose attention ranks the words as the gradient does, but for some neighbours that are swapped.

    `tvd` and `largest` are the output change under every permutation and the largest weight, `jsd` the ε-max JSD by
    kind of adversary, `undefined` so many texts have no gradient.
    """
    rng = np.random.default_rng(seed)
    ids = [f"c/test/{i:03d}" for i in range(n)]
    decided = np.arange(n) % len(classes) if prediction is None else np.array(prediction)
    outputs = np.full((n, len(classes)), 0.2 / max(1, len(classes) - 1))
    outputs[np.arange(n), decided] = 0.8
    weights, gradients = [], []
    for row in range(n):
        top = np.broadcast_to(largest, n)[row]
        rest = np.sort(rng.random(TOKENS - 1))[::-1] + 0.1
        weight = np.concatenate([[top], rest / rest.sum() * (1 - top)])
        gradient = np.linspace(1, 0.1, TOKENS)
        for swap in range(swaps):
            gradient[[2 * swap, 2 * swap + 1]] = gradient[[2 * swap + 1, 2 * swap]]
        weights.append(np.sort(weight)[::-1])
        gradients.append(None if row < undefined else gradient)
    with store.draft(folder, name) as draft:
        draft.write(
            "instances",
            "instances",
            0,
            tables.build(
                "instances",
                {
                    **{c.name: None for c in tables.TABLES["instances"].columns},
                    "instance_id": ids,
                    "split": "test",
                    "offsets": [[None] * TOKENS] * n,
                    "audited": [[True] * TOKENS] * n,
                    "target": ((decided + (rng.random(n) < 0.2)) % len(classes)).tolist(),
                    "prediction": decided.tolist(),
                    "output": list(outputs),
                    "n_audited": [TOKENS] * n,
                },
                n_rows=n,
            ),
        )
        for measure, scores in (
            ("attention", weights),
            ("gradient_detached", gradients),
            ("leave_one_out", [w[::-1] for w in weights]),
        ):
            status = ["ok" if s is not None else "constant" for s in scores]
            rows = {"instance_id": ids, "step": 0, "measure": measure, "scores": scores, "status": status}
            draft.write("importance", measure, 0, tables.build("importance", {**rows, "objective": "p"}))
        for kind, values in {"permuted": tvd, **(jsd or {})}.items():
            rows = {c.name: None for c in tables.TABLES["counterfactual"].columns} | {
                "instance_id": ids,
                "site": "pool",
                "scope": "site",
                "kind": kind,
                "draw": 0,
                "status": "ok",
            }
            column = "output_tvd" if kind == "permuted" else "attention_jsd"
            rows[column] = np.broadcast_to(values, n).tolist()
            if kind == "adversarial_bracket":
                rows["certified_upper_jsd"] = [0.6] * n
            draft.write("counterfactual", kind, 0, tables.build("counterfactual", rows))
        draft.finish(
            {
                "attnaudit": "0",
                "numbers_version": 1,
                "run_id": name,
                "created": "2026-01-01T00:00:00+00:00",
                "spec": {"task": {"name": "sst"}, "train": {"epochs": 8}, "seed": seed, **(spec or {})},
                "classes": list(classes),
                "data": {
                    "corpus": "c",
                    "audited_split": "test",
                    "audited": n,
                    "facts": {"splits": sizes or {}},
                },
                "model": {"vocabulary": 16175},
                "environment": {"python": "3.11", "platform": "p", "packages": {"numpy": "2"}, "threads": 1},
                "seconds": {"model": 1.0},
            }
        )
    return Result.open(folder / name)


SST_SIZES = {
    "train": {"n": 6355, "n_by_class": {"negative": 3034, "positive": 3321}, "mean_length": 18.7},
    "dev": {"n": 821},
    "test": {"n": 1725, "n_by_class": {"negative": 863, "positive": 870}},
}


def cell(result: Result | None, **changes: object) -> Cell:
    """A cell of SST, BiLSTM with additive attention, from random vectors."""
    given = {"corpus": "sst", "encoder": "bilstm", "attention": "additive", "vectors": "random", "seed": 0}
    return Cell(**{**given, "result": result, **changes})
