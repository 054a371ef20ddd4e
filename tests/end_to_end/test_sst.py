"""Real text: the Stanford Sentiment Treebank, every test sentence. Runs where ATTNAUDIT_DATA holds it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
import torch

from attnaudit.models import load
from attnaudit.models.interface import delete_each, delete_each_by_trace
from attnaudit.result import Result
from attnaudit.run import audit
from attnaudit.spec import Spec
from attnaudit.tasks import read

DATA = Path(os.environ.get("ATTNAUDIT_DATA", "nowhere")) / "sst" / "test.jsonl.gz"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.data,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not DATA.exists(), reason="ATTNAUDIT_DATA does not hold `sst`"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Three epochs (the best of eight with this seed) and every question, the paper's search included."""
    spec = Spec.parse(
        {
            "task": {"name": "sst", "preparation": "plain-1"},
            "train": {"epochs": 3},
            "counterfactuals": ["permuted", "adversarial_exact", "adversarial_search"],
        }
    )
    return audit(spec, store=tmp_path_factory.mktemp("sst"))


def column(run: Result, kind: str, name: str) -> np.ndarray:
    rows = run.tables["counterfactual"].filter((pc.field("kind") == kind) & (pc.field("status") == "ok"))
    return rows[name].to_numpy()


def test_as_accurate_as_it_was_measured_to_be(run: Result) -> None:
    scores = {row["metric"]: row["value"] for row in run.tables["scores"].to_pylist()}
    assert run.tables["instances"].num_rows == 1821
    assert scores["accuracy"] >= 0.77


def test_exact_is_never_below_the_search_on_any_sentence(run: Result) -> None:
    exact, search = (
        column(run, kind, "attention_jsd") for kind in ("adversarial_exact", "adversarial_search")
    )
    assert len(exact) == len(search) > 1800
    assert (exact - search).min() >= -1e-12
    assert (exact - search).mean() > 0.02
    for kind in ("adversarial_exact", "adversarial_search"):
        assert column(run, kind, "output_tvd").max() <= 0.01 + 1e-9


def test_leave_one_out_of_a_trained_model_is_the_literal_one(run: Result) -> None:
    model = load(run.folder / "model.safetensors")
    instances = read(run.spec.task, seed=0).splits["test"]
    batch = model.encode(sorted(instances, key=lambda i: -len(i.fields["text"]))[:40])
    with torch.no_grad():
        fast, literal = (
            torch.softmax(f(model, batch).double(), -1) for f in (delete_each, delete_each_by_trace)
        )
    assert (fast - literal).abs().max() <= 1e-5
    assert (fast[:, :1] - fast).abs().max() > 0.1


def test_every_adversary_holds_in_a_full_forward_pass(run: Result) -> None:
    model = load(run.folder / "model.safetensors").double()
    instances = {instance.id: instance for instance in read(run.spec.task, seed=0).splits["test"]}
    rows = run.tables["counterfactual"].filter(pc.field("kind") == "adversarial_exact").to_pylist()
    worst = 0.0
    with torch.no_grad():
        for start in range(0, len(rows), 128):
            part = [row for row in rows[start : start + 128] if row["status"] == "ok"]
            batch = model.encode([instances[row["instance_id"]] for row in part])
            replaced = torch.zeros(len(part), 1, 1, batch.token_ids.shape[1], dtype=torch.float64)
            for number, row in enumerate(part):
                weights = torch.tensor(row["weights"], dtype=torch.float64)
                replaced[number, 0, 0, 1 : 1 + len(weights)] = weights
            changed = model.trace(batch, intervention=lambda _site, _own, new=replaced: new).output
            tvd = 0.5 * (changed - model.trace(batch).output).abs().sum(-1)
            worst = max(worst, float(tvd.max()))
    # The run computed its states in float32, this pass in float64: they differ in the seventh digit.
    assert worst <= 0.01 + 1e-5
