"""A small run folder made by hand: every table the report reads, without a model and without torch.

The numbers mean nothing. They are drawn with a fixed seed, and each argument takes one thing away or makes
one thing strange, so that a test says what it is about.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from attnaudit import store, tables
from attnaudit.result import Result

MEASURES = ("attention", "gradient_detached", "leave_one_out")
COUNTERFACTUALS = ("permuted", "uniform", "adversarial_exact", "adversarial_search")
ADVERSARIES = ("adversarial_bracket", "adversarial_search", "adversarial_paper")
"""What is run where the read-out is not linear and binary."""

PLACES = ("kitchen", "garden", "office", "hallway", "bathroom", "bedroom")

FORMS: dict[str, dict] = {
    "classification": {},
    "three_classes": {
        "classes": ("entailment", "contradiction", "neutral"),
        "field": "hypothesis",
        "counterfactuals": ("permuted", "uniform", *ADVERSARIES),
        "corpus": "nli",
    },
    "many_answers": {
        "classes": (*PLACES, *(f"@entity{n}" for n in range(40))),
        "field": "question",
        "counterfactuals": ("permuted", "uniform", *ADVERSARIES),
        "corpus": "qa",
    },
}
"""What a run looks like by the kind of task: further arguments of `small_run`. Only the first has no query."""

WORDS = ("the", "film", "is", "a", "quiet", "wonder", "of", "dull", "bright", "nothing")


def small_run(
    folder: Path,
    *,
    name: str = "small",
    n: int = 24,
    classes: Sequence[str] = ("negative", "positive"),
    texts: Sequence[Sequence[str]] | None = None,
    predictions: Sequence[int] | None = None,
    measures: Sequence[str] = MEASURES,
    counterfactuals: Sequence[str] = COUNTERFACTUALS,
    evidence: bool = False,
    keep_text: bool = True,
    trained: bool = True,
    defined: bool = True,
    warnings: Sequence[str] = (),
    corpus: str = "small",
    field: str | None = None,
    queries: Sequence[str] | None = None,
    companions: int = 0,
    failed: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Result:
    """A finished run in `folder`, opened. `field` names what is read beside the text, `queries` are what it holds.

    With `companions`, so many other seeds and one of each other kind of training beside it (uniform and guide from
    each seed); `failed` are those that are said to have failed.
    """
    rng = np.random.default_rng(seed)
    if texts is None:
        texts = [list(rng.choice(WORDS, rng.integers(4, 9))) for _ in range(n)]
    n = len(texts)
    ids = [f"{corpus}/test/{i:04d}" for i in range(n)]
    given = rng.integers(0, len(classes), n) if predictions is None else np.array(predictions)
    outputs = []
    for k in given:
        output = rng.dirichlet(np.ones(len(classes))) * 0.4
        output[k] += 0.6
        outputs.append(output)
    if queries is None and field is not None:
        queries = [f"Where is {WORDS[i % len(WORDS)]} {i}?" for i in range(n)]
    weights = [rng.dirichlet(np.full(len(tokens), 0.6)) for tokens in texts]
    with store.draft(folder, name) as draft:
        marked = [["<start>", *tokens, "<end>"] for tokens in texts]
        draft.write(
            "instances",
            "instances",
            0,
            tables.build(
                "instances",
                {
                    "instance_id": ids,
                    "split": "test",
                    "text": [" ".join(tokens) for tokens in texts] if keep_text else None,
                    "query": queries if keep_text else None,
                    "tokens": marked if keep_text else None,
                    "offsets": [[None] * len(tokens) for tokens in marked],
                    "audited": [[False, *[True] * len(tokens), False] for tokens in texts],
                    "evidence": [[[i == 0 for i in range(len(tokens))]] for tokens in texts]
                    if evidence
                    else None,
                    "target": [int(i % len(classes)) for i in range(n)],
                    "prediction": given.tolist(),
                    "output": outputs,
                    "n_audited": [len(tokens) for tokens in texts],
                },
                n_rows=n,
            ),
        )
        for measure in measures:
            scores = [w if measure == "attention" else 0.1 * rng.random(len(w)) + w for w in weights]
            draft.write(
                "importance",
                measure,
                0,
                tables.build(
                    "importance",
                    {
                        "instance_id": ids,
                        "step": 0,
                        "measure": measure,
                        "scores": scores if defined else [None] * n,
                        "objective": "probability of the predicted class",
                        "status": "ok" if defined else "too_short",
                    },
                    n_rows=n,
                ),
            )
        for kind in counterfactuals:
            draws = 5 if kind == "permuted" else 1
            draft.write("counterfactual", kind, 0, _counterfactual(kind, ids, weights, draws, defined, rng))
        scores = {"accuracy": 0.8, "roc_auc": 0.9, "f1": 0.7, "f1_macro": 0.75}
        if len(classes) > 2:
            scores = {"accuracy": 0.8, "f1_macro": 0.75}
        draft.write(
            "scores",
            "scores",
            0,
            tables.build(
                "scores",
                {
                    "model": "base",
                    "split": "test",
                    "metric": list(scores),
                    "value": list(scores.values()),
                    "n": n,
                    "status": "ok",
                },
            ),
        )
        if trained:
            metric = "roc_auc" if len(classes) == 2 else "accuracy"
            draft.write("training", "training", 0, _training(metric))
        manifest = _manifest(name, corpus, classes, n, measures, counterfactuals, keep_text, warnings)
        manifest["model"] |= {"attended": "text" if field is None else "passage", "query": field}
        if companions:
            draft.write("diagnostic", "representation", 0, _representation(ids, texts, weights, rng))
        draft.finish(manifest)
    if companions:
        _trained_beside(folder / name, ids, given, len(classes), companions, failed or {}, rng)
    return Result.open(folder / name)


LAMBDAS = (0.0, 0.001, 0.01)


def _representation(ids, texts, weights, rng):
    entropy = [float(-(w * np.log(w)).sum()) for w in weights]
    quantities = {"attention_entropy": entropy, "conicity": rng.uniform(0.4, 0.6, len(ids))}
    quantities |= {"punctuation_mass": np.full(len(ids), 0.1), "special_mass": np.zeros(len(ids))}
    return _diagnostic(ids, "representation", "base", quantities)


def _diagnostic(ids, kind, subject, quantities):
    return pa.concat_tables(
        tables.build(
            "diagnostic",
            {
                "instance_id": ids,
                "kind": kind,
                "subject": subject,
                "quantity": quantity,
                "value": list(values),
                "status": "ok",
            },
        )
        for quantity, values in quantities.items()
    )


def _trained_beside(folder, ids, given, n_classes, others, failed, rng):
    """The folder `evidence` of a run. The larger λ, the further attention and outputs of an imitation."""

    def other(jsd, tvd, right=0.9):
        drawn = np.where(rng.random(len(ids)) < right, given, rng.integers(0, n_classes, len(ids)))
        near = np.abs(rng.normal(jsd, 0.02, len(ids)))
        quantities = {"prediction": drawn.astype(float), "output_tvd": rng.uniform(0, 2 * tvd, len(ids))}
        return quantities | {"attention_jsd": near, "permuted_jsd": near + 0.2}

    seeds = [f"seed {k}" for k in range(others + 1)]
    made = [("seeds", seed, other(0.1, 0.05)) for seed in seeds[1:]]
    made += [("uniform", seed, other(0.3, 0.2, 0.5)) for seed in seeds]
    made += [
        ("imitation", f"weight {weight:g}", other(0.1 + 0.15 * k, 0.01 + 0.03 * k))
        for k, weight in enumerate(LAMBDAS)
    ]
    made += [("deception", "hiding", other(0.4, 0.1) | {"hidden_mass": np.full(len(ids), 0.01)})]
    made += [
        ("guide", f"{source}, {seed}", other(0.2, 0.1, right))
        for source, right in (("base", 0.9), ("uniform", 0.3), ("own", 0.8))
        for seed in seeds
    ]
    made += [("guide", f"imitation weight {weight:g}, {seeds[0]}", other(0.2, 0.1)) for weight in LAMBDAS]
    about = {
        "of": store.read_manifest(folder)["manifest_sha256"],
        "asked": {
            "seeds": others + 1,
            "kinds": ["uniform", "guide", "imitation", "deception"],
            "imitation": list(LAMBDAS),
            "hide": ["<b>film</b>"],
        },
        "trainings": [
            {"kind": kind, "subject": subject, "run": f"small-{k:02d}", "training_seconds": 1.5}
            for k, (kind, subject, _) in enumerate(made)
        ],
        "failed": dict(failed),
        "controls": [],
    }
    with store.draft(folder, store.EVIDENCE, about, replace=True) as draft:
        for k, (kind, subject, quantities) in enumerate(made):
            draft.write("diagnostic", f"{k:03d}-{kind}", 0, _diagnostic(ids, kind, subject, quantities))
        hidden = _diagnostic(ids, "deception", "base", {"hidden_mass": rng.uniform(0.2, 0.4, len(ids))})
        draft.write("diagnostic", "base-hidden", 0, hidden)
        draft.finish(about, replace=True)


def _counterfactual(kind, ids, weights, draws, defined, rng):
    rows = len(ids) * draws
    adversarial = kind.startswith("adversarial") or kind == "same_weights"
    jsd = rng.uniform(0, 0.69, rows)
    if kind == "adversarial_exact":
        jsd = np.maximum(jsd, 0.35)
    if kind == "adversarial_search":
        jsd = jsd * 0.5
    if kind == "adversarial_paper":
        jsd = jsd * 0.4
    upper = [None] * rows
    if kind == "adversarial_exact":
        upper = jsd
    if kind in ("adversarial_bracket", "same_weights"):  # on every second text the bounds meet
        upper = np.minimum(jsd + np.where(np.arange(rows) % 2, 0.0, 0.05), np.log(2))
    epsilon = (
        {"adversarial_paper": 0.05, "adversarial_bracket": 0.05}.get(kind, 0.01) if adversarial else None
    )
    values = {
        "output_tvd": rng.uniform(0, 0.01 if adversarial else 0.5, rows),
        "flipped": [bool(f) for f in rng.random(rows) < 0.2],
        "attention_jsd": jsd,
        "certified_upper_jsd": upper,
        "weights": [rng.dirichlet(np.full(len(w), 0.3)) for w in weights] if adversarial else [None] * rows,
    }
    if not defined:
        values = {name: [None] * rows for name in values}
    return tables.build(
        "counterfactual",
        {
            "instance_id": [name for name in ids for _ in range(draws)],
            "site": "pool",
            "scope": "site",
            "kind": kind,
            "draw": list(range(draws)) * len(ids),
            "epsilon": epsilon,
            "logit_mean": None,
            "logit_variance": rng.uniform(0.01, 1, rows) if kind == "permuted_moments" and defined else None,
            "status": "ok" if defined else "too_short",
            **values,
        },
        n_rows=rows,
    )


def _training(score):
    rows = [
        (epoch, split, metric, value / epoch)
        for epoch in (1, 2, 3)
        for split, metric, value in (("train", "loss", 0.6), ("dev", "loss", 0.7), ("dev", score, 0.8))
    ]
    return tables.build(
        "training",
        {
            "model": "base",
            "epoch": [row[0] for row in rows],
            "split": [row[1] for row in rows],
            "metric": [row[2] for row in rows],
            "value": [row[3] for row in rows],
            "selected": [row[0] == 2 for row in rows],
            "status": "ok",
        },
    )


def _manifest(name, corpus, classes, n, measures, counterfactuals, keep_text, warnings):
    return {
        "attnaudit": "0.0.0",
        "numbers_version": 1,
        "run_id": name,
        "created": "2026-01-01T00:00:00+00:00",
        "spec": {
            "task": {"name": "file", "path": "some/folder/corpus.csv"},
            "model": {"name": "attentive", "encoder": "cnn", "attention": "dot", "vectors": None},
            "train": {"epochs": 3},
            "measures": [{"name": measure} for measure in measures],
            "counterfactuals": [{"name": kind} for kind in counterfactuals],
            "seed": 0,
            "limit": None,
            "keep_text": keep_text,
        },
        "classes": list(classes),
        "data": {
            "corpus": corpus,
            "audited_split": "test",
            "audited": n,
            "digest": "0" * 64,
            "notes": ["Made by hand."],
            "facts": {"splits": {"test": {"n": n}}},
            "warnings": list(warnings),
        },
        "model": {"encoder": "cnn", "attention": "dot", "hidden": 8, "parameters": 1234, "from": None},
        "environment": {"python": "3.11", "packages": {"numpy": "2"}, "device": "cpu", "threads": 1},
        "seconds": {"model": 1.0, "permuted": 0.5},
    }
