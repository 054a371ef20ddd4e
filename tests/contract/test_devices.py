"""The same questions on a GPU as on a CPU, with the same answers: where there is a GPU."""

import numpy as np
import pytest
import torch

from attnaudit.counterfactual import COUNTERFACTUALS
from attnaudit.importance import MEASURES
from attnaudit.models import ENCODERS, SCORERS
from attnaudit.models.interface import delete_each, replay
from tests import tiny
from tests.contract.test_models import FORMS

if not torch.cuda.is_available():
    pytest.skip("no GPU that this torch can use", allow_module_level=True)

TEXTS = tiny.instances(1, 2, 7, 30, 90)


@pytest.fixture(params=[(e, s, f) for e in ENCODERS for s in SCORERS for f in FORMS], ids="-".join)
def pair(request: pytest.FixtureRequest):
    """The same model on both devices."""
    encoder, attention, form = request.param
    made = [tiny.model(encoder, attention, sharp=1.0, **FORMS[form]) for _ in range(2)]
    return made[0], made[1].to("cuda")


def test_outputs_and_attention_agree(pair) -> None:
    here, there = (model.trace(model.encode(TEXTS)) for model in pair)
    assert torch.allclose(here.output, there.output.cpu(), atol=1e-5)
    for site, weights in here.attention.items():
        assert torch.allclose(weights, there.attention[site].cpu(), atol=1e-5)


def test_fast_paths_agree(pair) -> None:
    found = []
    for model in pair:
        batch = model.encode(TEXTS)
        trace = model.trace(batch)
        own = trace.attention[model.sites[0]][:, None, :, 0]
        found.append((delete_each(model, batch), replay(model, batch, trace, own)))
    for here, there in zip(*found, strict=True):
        probabilities = torch.softmax(here.double(), -1), torch.softmax(there.cpu().double(), -1)
        assert torch.allclose(*probabilities, atol=1e-5)


@pytest.mark.parametrize("name", MEASURES)
def test_measures_agree(pair, name: str) -> None:
    here, there = (MEASURES[name](model, model.encode(TEXTS)) for model in pair)
    assert torch.allclose(here, there.cpu(), atol=1e-5)


@pytest.mark.parametrize("name", COUNTERFACTUALS)
def test_counterfactuals_agree(pair, name: str) -> None:
    found = []
    for model in pair:
        batch = model.encode(TEXTS)
        with torch.no_grad():
            found.append(COUNTERFACTUALS[name]()(model, batch, model.trace(batch), seed=0))
    here, there = found
    assert here["status"].equals(there["status"])
    searched = name in ("adversarial_search", "adversarial_paper", "adversarial_bracket", "adversarial")
    for column in ("output_tvd", "attention_jsd", "logit_variance"):
        values = [t[column].fill_null(0).to_numpy() for t in found]
        # A search amplifies rounding; what is solved does not.
        assert np.allclose(*values, atol=0.05 if searched else 1e-4)
