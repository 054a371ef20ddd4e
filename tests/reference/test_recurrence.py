"""The written-out LSTM against torch's, and its backward pass against autograd, a position at a time."""

import pytest
import torch
from torch import nn

from attnaudit.models.interface import delete_each, delete_each_by_trace
from attnaudit.models.recurrence import Run, pulled_back, run
from tests import tiny


@pytest.fixture
def lstm() -> nn.LSTM:
    torch.manual_seed(0)
    return nn.LSTM(5, 4, batch_first=True).double()


def test_states_are_those_of_torch(lstm: nn.LSTM) -> None:
    inputs = torch.randn(3, 7, 5, dtype=torch.float64)
    expected, (_, last_cells) = lstm(inputs)
    found = _run(lstm, inputs)
    assert torch.allclose(found.hidden, expected, atol=1e-12)
    assert torch.allclose(found.cells[:, -1], last_cells[0], atol=1e-12)


def test_pulls_are_the_gradient_by_each_state(lstm: nn.LSTM) -> None:
    inputs = torch.randn(2, 7, 5, dtype=torch.float64)
    by_state = torch.randn(2, 7, 3, 4, dtype=torch.float64)
    whole = _run(lstm, inputs)
    found = pulled_back(whole, by_state)
    for position in range(7):
        hidden = whole.hidden[:, position].detach().requires_grad_(True)
        cells = whole.cells[:, position].detach().requires_grad_(True)
        later = inputs[:, position + 1 :]
        if not later.shape[1]:
            assert not found[:, position].any()
            continue
        states, _ = lstm(later, (hidden[None], cells[None]))
        for functional in range(3):
            total = (states * by_state[:, position + 1 :, functional]).sum()
            expected = torch.cat(torch.autograd.grad(total, (hidden, cells), retain_graph=True), dim=-1)
            assert torch.allclose(found[:, position, functional], expected, atol=1e-12)


@pytest.mark.parametrize("form", [{}, {"classes": ("a", "b", "c")}])
@pytest.mark.parametrize("attention", ["additive", "dot"])
@pytest.mark.parametrize("sharp", [0.3, 1.0, 3.0])
def test_long_texts_end_in_what_is_linear(form: dict, attention: str, sharp: float) -> None:
    """Texts so long that nearly every deletion ends in a remainder."""
    model = tiny.model(attention=attention, sharp=sharp, **form)
    batch = model.encode(tiny.instances(60, 90, 140))
    with torch.no_grad():
        found, expected = delete_each(model, batch), delete_each_by_trace(model, batch)
    off = (torch.softmax(found, -1) - torch.softmax(expected, -1)).abs().max()
    assert off <= 1e-5


def _run(lstm: nn.LSTM, inputs: torch.Tensor) -> Run:
    with torch.no_grad():
        return run(lstm, inputs)
