"""Permutation moments against all permutations, and the exact adversary against the paper's search."""

from itertools import permutations

import numpy as np
import pyarrow.compute as pc
import pytest
import torch

from attnaudit.case import Case
from attnaudit.counterfactual import COUNTERFACTUALS
from attnaudit.counterfactual.fixed import permutation_moments
from attnaudit.counterfactual.padded import Padded
from attnaudit.readout import LinearReadout
from tests import tiny


def test_moments_are_those_of_all_permutations() -> None:
    draw = np.random.default_rng(0)
    attention, evidence = draw.dirichlet(np.ones(6)), draw.normal(0, 2, 6)
    found = Case("case", attention, LinearReadout(np.stack([np.zeros(6), evidence]), np.array([0.0, 0.4])))
    logits = np.array([attention[list(order)] @ evidence + 0.4 for order in permutations(range(6))])
    sign = 1 if attention @ evidence + 0.4 > 0 else -1
    mean, variance = permutation_moments(Padded([found]))
    assert (mean[0], variance[0]) == pytest.approx((sign * logits.mean(), logits.var()))


def test_sampled_logits_have_the_exact_moments() -> None:
    model = tiny.model()
    batch = model.encode(tiny.instances(9))
    trace = model.trace(batch)
    rows = COUNTERFACTUALS["permuted"](draws=4000)(model, batch, trace, seed=0)
    moments = rows.filter(pc.field("kind") == "permuted_moments").to_pylist()[0]
    own = float(torch.softmax(trace.logits[0, 0].double(), -1).max())
    tvd = rows.filter(pc.field("kind") == "permuted")["output_tvd"].to_numpy()
    draws = np.random.default_rng(1).normal(moments["logit_mean"], np.sqrt(moments["logit_variance"]), 4000)
    assert moments["logit_variance"] > 0.01
    # The logit is near normal for nine tokens, so that the two spreads of the output are alike.
    assert np.mean(tvd) == pytest.approx(np.mean(np.abs(1 / (1 + np.exp(-draws)) - own)), rel=0.15)


@pytest.mark.parametrize("encoder", ["bilstm", "average"])
def test_search_never_exceeds_exact(encoder: str) -> None:
    model = tiny.model(encoder, sharp=2.0)
    batch = model.encode(tiny.instances(*range(2, 22)))
    trace = model.trace(batch)
    exact = COUNTERFACTUALS["adversarial_exact"](epsilon=0.01)(model, batch, trace, seed=0)
    search = COUNTERFACTUALS["adversarial_search"](epsilon=0.01)(model, batch, trace, seed=0)
    gap = exact["attention_jsd"].to_numpy() - search["attention_jsd"].to_numpy()
    assert gap.min() >= -1e-12
    assert np.median(search["attention_jsd"].to_numpy() / exact["attention_jsd"].to_numpy()) > 0.5


def test_stored_adversary_holds_in_a_full_forward_pass() -> None:
    model = tiny.model().double()
    batch = model.encode(tiny.instances(5, 12, 30))
    trace = model.trace(batch)
    rows = COUNTERFACTUALS["adversarial_exact"](epsilon=0.01)(model, batch, trace, seed=0)
    replaced = torch.zeros_like(trace.attention[model.sites[0]])
    for number, weights in enumerate(rows["weights"].to_pylist()):
        replaced[number, 0, 0, 1 : 1 + len(weights)] = torch.tensor(weights, dtype=torch.float64)
    changed = model.trace(batch, intervention=lambda _site, _own: replaced).output
    tvd = 0.5 * (changed - trace.output).abs().sum(-1).flatten()
    assert tvd.max() <= 0.01 + 1e-9
    assert np.allclose(tvd.numpy(), rows["output_tvd"].to_numpy(), atol=1e-9)
