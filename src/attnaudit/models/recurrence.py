"""One direction of an LSTM, step by step: unrolled, run anew after each deletion, and followed backwards.

`torch.nn.LSTM` runs whole texts and gives no cell states but the last; all here works on its weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnaudit.models.deletions import Change, Remainder, Slopes

_CAME_BACK = 1e-6
"""A recomputed LSTM state closer than this to the original (largest absolute difference over its hidden and cell
values, which are of order 1) is taken for the original: what follows it is the original to float32 precision."""

_LINEAR = 1e-5
"""What follows a recomputed state is taken to be linear in its difference from the original when the largest
difference times the most that it can change a sum by is no more than this: what is neglected is of that size. (On
trained models the outputs were off by a tenth of it.)"""

FORGOTTEN = 40
"""Texts of fewer tokens end before a trained LSTM has nearly come back, so that nobody need look."""

_LOOKED_EVERY = 4
"""Positions between two looks at whether a row has come back: looking costs a fifth of a step."""


class Gates(NamedTuple):
    """One direction's weights, those of the cell's candidate doubled: tanh x = 2 σ(2x) − 1.

    All gates are then one sigmoid, which torch computes several times faster on a CPU than tanh.
    """

    input: Float[Tensor, "gate in"]
    recurrent: Float[Tensor, "hidden gate"]
    bias: Float[Tensor, " gate"]

    @classmethod
    def of(cls, lstm: nn.LSTM) -> Gates:
        """The weights of an LSTM of one layer and one direction."""
        size = lstm.hidden_size
        scale = torch.ones(4 * size, device=lstm.get_parameter("weight_hh_l0").device)
        scale[2 * size : 3 * size] = 2.0  # PyTorch's order: input, forget, candidate, output
        bias = lstm.get_parameter("bias_ih_l0") + lstm.get_parameter("bias_hh_l0")
        return cls(
            lstm.get_parameter("weight_ih_l0") * scale[:, None],
            (lstm.get_parameter("weight_hh_l0") * scale[:, None]).T.contiguous(),
            bias * scale,
        )

    def after(
        self, inputs: Float[Tensor, "row gate"], cells: Float[Tensor, "row hidden"]
    ) -> tuple[Float[Tensor, "row hidden"], Float[Tensor, "row hidden"]]:
        """The next hidden and cell states, from the sum of what the gates are given (overwritten) and the cells."""
        let_in, keep, new, out = inputs.sigmoid_().chunk(4, dim=-1)
        cells = torch.addcmul(
            (keep * cells).sub_(let_in), let_in, new, value=2
        )  # 2 · new − 1 is the candidate
        return torch.addcmul(-out, out, torch.sigmoid(2 * cells), value=2), cells


class Run(NamedTuple):
    """A text read in one direction: what the inputs and the state before gave to the gates, and the states."""

    gates: Gates
    given: Float[Tensor, "batch token gate"]
    carried: Float[Tensor, "batch token gate"]
    hidden: Float[Tensor, "batch token hidden"]
    cells: Float[Tensor, "batch token hidden"]


def run(lstm: nn.LSTM, inputs: Float[Tensor, "batch token in"]) -> Run:
    """The texts read from their first token on."""
    gates = Gates.of(lstm)
    given = nn.functional.linear(inputs, gates.input, gates.bias)
    hidden = given.new_zeros(given.shape[0], given.shape[-1] // 4)
    cells, found = hidden, []
    for position in range(given.shape[1]):
        carried = hidden @ gates.recurrent
        hidden, cells = gates.after(carried + given[:, position], cells)
        found.append((carried, hidden, cells))
    return Run(gates, given, *(torch.stack(values, dim=1) for values in zip(*found, strict=True)))


def rerun(
    whole: Run,
    mask: Bool[Tensor, "batch token"],
    which: Bool[Tensor, "batch token"],
    slopes: Slopes | None = None,
) -> Iterator[Change | Remainder]:
    """The texts anew after each deletion in `which`, from the deleted token on, until the state is back.

    With `slopes`, only until what follows is linear: it comes as a `Remainder`.
    """
    pull = stake = None
    if slopes is not None:
        pull = pulled_back(whole, slopes.by_state).flatten(0, 1)
        stake = slopes.stake.flatten()
    length, width = mask.sum(dim=1), mask.shape[1]
    # The first step after a deletion is from a state that the text has been in, so that its product is known.
    follows = which & (torch.arange(width, device=mask.device) < length[:, None] - 1)
    deleted, rows = follows.T.nonzero(as_tuple=True)
    given, carried, hidden, cells = (values.flatten(0, 1) for values in whole[1:])
    place = rows * width + deleted
    inputs = given.index_select(0, place + 1).add_(carried.index_select(0, place))
    cells_before = nn.functional.pad(whole.cells, (0, 0, 1, -1)).flatten(0, 1).index_select(0, place)
    first_hidden, first_cells = whole.gates.after(inputs, cells_before)
    yield Change(rows, deleted, deleted + 1, first_hidden)
    first = (rows, deleted, first_hidden, first_cells)
    fresh_until = follows.sum(dim=0).cumsum(0).tolist()
    shortest = int(length.min())
    now = tuple(values[:0] for values in first)
    for position in range(2, width):
        start, stop = fresh_until[position - 3] if position > 2 else 0, fresh_until[position - 2]
        if stop > start:
            now = tuple(torch.cat([old, new[start:stop]]) for old, new in zip(now, first, strict=True))
        if position >= shortest:
            now = _kept((position < length[now[0]]).nonzero().flatten(), now)
        rows, deleted, now_hidden, now_cells = now
        if not len(rows):
            continue
        here = rows * width + position
        inputs = given.index_select(0, here).addmm_(now_hidden, whole.gates.recurrent)
        now_hidden, now_cells = whole.gates.after(inputs, now_cells)
        yield Change(rows, deleted, torch.full_like(rows, position), now_hidden)
        now = (rows, deleted, now_hidden, now_cells)
        if position % _LOOKED_EVERY or width < FORGOTTEN:
            continue
        off = torch.cat([now_hidden, now_cells], dim=-1)
        off -= torch.cat([hidden.index_select(0, here), cells.index_select(0, here)], dim=-1)
        furthest = off.abs().amax(dim=-1)
        back = furthest <= _CAME_BACK
        if pull is not None and stake is not None:
            pulls = pull.index_select(0, here)
            most = (off[:, None].abs() * pulls.abs()).sum(dim=-1).amax(dim=-1)
            neglected = furthest * most * stake.index_select(0, rows * width + deleted)
            linear = (neglected <= _LINEAR).nonzero().flatten()
            effects = (off[linear, None] * pulls[linear]).sum(dim=-1)
            yield Remainder(rows[linear], deleted[linear], effects)
            back[linear] = True
        now = _kept((~back).nonzero().flatten(), now)


def pulled_back(
    whole: Run, by_state: Float[Tensor, "batch token functional hidden"]
) -> Float[Tensor, "batch token functional twice_hidden"]:
    """How each functional changes with the hidden and cell state at each position, through all later states.

    `by_state` are its derivatives by each hidden state alone. One backward pass, written out: autograd would give
    only the derivative by one position. Oracle: autograd, a position at a time.
    """
    batch, width, functionals, size = by_state.shape
    inputs = whole.given[:, 1:] + whole.carried[:, 1:]
    let_in, keep, new, out = inputs.sigmoid_()[:, :, None].chunk(4, dim=-1)
    new = 2 * new - 1
    squashed = torch.tanh(whole.cells[:, 1:])[:, :, None]
    # What one unit of the gradient by the cell, and by the hidden state, gives to the input of each gate.
    by_cell = torch.cat(
        [
            new * let_in * (1 - let_in),
            whole.cells[:, :-1, None] * keep * (1 - keep),
            let_in * (1 - new * new) / 2,  # the candidate's input is doubled
        ],
        dim=-1,
    )
    by_hidden = squashed * out * (1 - out)
    to_cell = out * (1 - squashed * squashed)
    pull_hidden = by_state.new_zeros(batch, functionals, size)
    pull_cells = pull_hidden
    pulls = [torch.cat([pull_hidden, pull_cells], dim=-1)]
    for position in range(width - 2, -1, -1):
        pull_hidden = pull_hidden + by_state[:, position + 1]
        pull_cells = torch.addcmul(pull_cells, pull_hidden, to_cell[:, position])
        by_gate = torch.cat(
            [pull_cells.repeat(1, 1, 3) * by_cell[:, position], pull_hidden * by_hidden[:, position]], dim=-1
        )
        pull_hidden, pull_cells = by_gate @ whole.gates.recurrent.T, pull_cells * keep[:, position]
        pulls.append(torch.cat([pull_hidden, pull_cells], dim=-1))
    return torch.stack(pulls[::-1], dim=1)


def _kept(which: Int[Tensor, " kept"], values: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return values if len(which) == len(values[0]) else tuple(value.index_select(0, which) for value in values)
