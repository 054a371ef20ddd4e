"""The same questions to every measure: adding an entry to `MEASURES` adds its tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from attnaudit.errors import UnsupportedModelError
from attnaudit.importance import MEASURES
from attnaudit.models import ENCODERS
from attnaudit.models.transformer import opened
from tests import tiny, tiny_transformers

OF_LAYERS = ("attention_all_layers", "attention_rollout")
"""Those that read more than one attention, which the paper's models do not have."""

TRANSFORMERS = {"bert": (tiny_transformers.bert, True), "gpt2": (tiny_transformers.gpt2, False)}
CASES = [(name, encoder) for name in MEASURES for encoder in ENCODERS if name not in OF_LAYERS]
CASES += [(name, transformer) for name in MEASURES for transformer in TRANSFORMERS]


@contextmanager
def model_of(form: str, **how: Any) -> Iterator[Any]:
    if form not in TRANSFORMERS:
        yield tiny.model(form, **how)
        return
    make, markers = TRANSFORMERS[form]
    tokenizer = tiny_transformers.tokenizer(markers=markers)
    with opened(make(), tokenizer, tiny_transformers.texts(3, 5)) as model:
        yield model


def texts(form: str, *lengths: int) -> list[Any]:
    return tiny_transformers.texts(*lengths) if form in TRANSFORMERS else tiny.instances(*lengths)


@pytest.fixture(params=MEASURES)
def measure(request: pytest.FixtureRequest):
    return MEASURES[request.param]


@pytest.mark.parametrize(("name", "form"), CASES)
def test_padding_and_company_change_nothing(name: str, form: str) -> None:
    measure, asked = MEASURES[name], texts(form, 1, 2, 5, 17, 30)
    with model_of(form, sharp=1.0) as model:
        together = measure(model, model.encode(asked))[:, 0]
        backwards = measure(model, model.encode(asked[::-1]))[:, 0]
        for row, instance in enumerate(asked):
            alone = measure(model, model.encode([instance]))[0, 0]
            for other in (together[row], backwards[-1 - row]):
                torch.testing.assert_close(alone, other[: len(alone)], rtol=1e-4, atol=5e-6)


@pytest.mark.parametrize(("name", "form"), CASES)
def test_scores_are_finite_and_not_negative(name: str, form: str) -> None:
    with model_of(form) as model:
        batch = model.encode(texts(form, 1, 3, 30))
        scores = MEASURES[name](model, batch)
    assert scores.shape == (3, 1, batch.token_ids.shape[1])
    assert torch.isfinite(scores).all()
    assert (scores >= 0).all()
    assert not scores.requires_grad


@pytest.mark.parametrize("name", OF_LAYERS)
def test_a_reading_of_layers_refuses_a_model_of_one_attention(name: str) -> None:
    model = tiny.model()
    with pytest.raises(UnsupportedModelError, match="readings of attention over layers need one stack"):
        MEASURES[name](model, model.encode(tiny.instances(4)))


def test_measure_names_what_it_explains(measure) -> None:
    assert measure.objective


@pytest.mark.parametrize("name", [name for name in MEASURES if name not in OF_LAYERS])
def test_model_is_left_as_it_was(name: str) -> None:
    model = tiny.model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    MEASURES[name](model, model.encode(tiny.instances(4, 9)))
    assert not model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
