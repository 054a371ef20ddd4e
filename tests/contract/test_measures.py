"""The same questions to every measure: adding an entry to `MEASURES` adds its tests."""

import pytest
import torch

from attnaudit.importance import MEASURES
from attnaudit.models import ENCODERS
from tests import tiny


@pytest.fixture(params=MEASURES)
def measure(request: pytest.FixtureRequest):
    return MEASURES[request.param]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_padding_and_company_change_nothing(measure, encoder: str) -> None:
    model = tiny.model(encoder, sharp=1.0)
    texts = tiny.instances(1, 2, 5, 17, 40)
    together = measure(model, model.encode(texts))[:, 0]
    backwards = measure(model, model.encode(texts[::-1]))[:, 0]
    for row, instance in enumerate(texts):
        batch = model.encode([instance])
        alone = measure(model, batch)[0, 0]
        for other in (together[row], backwards[-1 - row]):
            assert torch.allclose(alone, other[: len(alone)], atol=2e-6)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_scores_are_finite_and_not_negative(measure, encoder: str) -> None:
    model = tiny.model(encoder)
    batch = model.encode(tiny.instances(1, 3, 30))
    scores = measure(model, batch)
    assert scores.shape == (3, 1, batch.token_ids.shape[1])
    assert torch.isfinite(scores).all()
    assert (scores >= 0).all()
    assert not scores.requires_grad


def test_measure_names_what_it_explains(measure) -> None:
    assert measure.objective


def test_model_is_left_as_it_was(measure) -> None:
    model = tiny.model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    measure(model, model.encode(tiny.instances(4, 9)))
    assert not model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
