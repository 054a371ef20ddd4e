"""Encoders: a state for each token, from word vectors and the mask of real tokens.

Three of Jain & Wallace 2019: BiLSTM, CNN (widths 1, 3, 5, 7) and a token-wise projection. States at padding
are 0, and no state depends on how much padding there is.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnaudit.errors import ModelError, unknown_name

_CAME_BACK = 1e-6
"""A recomputed LSTM state closer than this to the original (largest absolute difference over its hidden and cell
values, which are of order 1) is taken for the original: what follows it is the original to float32 precision."""


class Change(NamedTuple):
    """Token states that are no longer what they were, because another token of the text was deleted.

    `rows` says which row of the batch, `deleted` which token went, `positions` which token the new state is of.
    """

    rows: Int[Tensor, " change"]
    deleted: Int[Tensor, " change"]
    positions: Int[Tensor, " change"]
    states: Float[Tensor, "change dim"]


class Encoder(Protocol):
    """What an encoder must offer; `dim` is the size of a state."""

    dim: int

    def __call__(
        self, embedding: Float[Tensor, "batch token in"], mask: Bool[Tensor, "batch token"]
    ) -> Float[Tensor, "batch token dim"]:
        """A state for each token, 0 at padding."""

    def summary(
        self, states: Float[Tensor, "batch token dim"], mask: Bool[Tensor, "batch token"]
    ) -> Float[Tensor, "batch dim"]:
        """One vector for the whole text, as a query is read by."""


@runtime_checkable
class SharesDeletions(Protocol):
    """An encoder that knows which states change when a token is deleted, and computes no others."""

    def deletions(
        self,
        embedding: Float[Tensor, "batch token in"],
        mask: Bool[Tensor, "batch token"],
        which: Bool[Tensor, "batch token"],
    ) -> tuple[Float[Tensor, "batch token dim"], Iterator[Change]]:
        """The states, and every state that changes when one of the tokens in `which` is deleted."""


class Average(nn.Module):
    """tanh(P e), a token at a time: states do not mix (the paper's "average" encoder)."""

    def __init__(self, embedding: int, hidden: int) -> None:
        super().__init__()
        self.projection = nn.Linear(embedding, hidden)
        self.dim = hidden

    def forward(
        self, embedding: Float[Tensor, "batch token in"], mask: Bool[Tensor, "batch token"]
    ) -> Float[Tensor, "batch token dim"]:
        """States in [-1, 1], 0 at padding."""
        return torch.tanh(self.projection(embedding)) * mask[..., None]

    def summary(
        self, states: Float[Tensor, "batch token dim"], mask: Bool[Tensor, "batch token"]
    ) -> Float[Tensor, "batch dim"]:
        """The mean over the text (the published code also counted its padding)."""
        return states.sum(dim=1) / mask.sum(dim=1, keepdim=True)

    def deletions(
        self,
        embedding: Float[Tensor, "batch token in"],
        mask: Bool[Tensor, "batch token"],
        which: Bool[Tensor, "batch token"],
    ) -> tuple[Float[Tensor, "batch token dim"], Iterator[Change]]:
        """The states, and no changes: a deleted token leaves the others as they were."""
        return self(embedding, mask), iter(())


class Cnn(nn.Module):
    """Four convolutions of widths 1, 3, 5 and 7, a quarter of the units each, then ReLU."""

    widths = (1, 3, 5, 7)

    def __init__(self, embedding: int, hidden: int) -> None:
        super().__init__()
        units = hidden // len(self.widths)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(embedding, units, width, padding=width // 2) for width in self.widths
        )
        self.dim = units * len(self.widths)

    def forward(
        self, embedding: Float[Tensor, "batch token in"], mask: Bool[Tensor, "batch token"]
    ) -> Float[Tensor, "batch token dim"]:
        """States ≥ 0, 0 at padding."""
        inputs = (embedding * mask[..., None]).transpose(1, 2)
        states = torch.cat([convolution(inputs) for convolution in self.convolutions], dim=1)
        return torch.relu(states).transpose(1, 2) * mask[..., None]

    def summary(
        self, states: Float[Tensor, "batch token dim"], mask: Bool[Tensor, "batch token"]
    ) -> Float[Tensor, "batch dim"]:
        """The largest value of each unit; padding is 0 and no state is below it."""
        del mask
        return states.amax(dim=1)

    def deletions(
        self,
        embedding: Float[Tensor, "batch token in"],
        mask: Bool[Tensor, "batch token"],
        which: Bool[Tensor, "batch token"],
    ) -> tuple[Float[Tensor, "batch token dim"], Iterator[Change]]:
        """The states, and those within three places of a deleted token: no window reaches further.

        What a token gives to each state whose window holds it is computed once, as in a forward pass; a state after
        a deletion is the sum of what its new neighbours give. So all deletions cost little more than that pass.
        """
        given = [_given(convolution, embedding * mask[..., None]) for convolution in self.convolutions]
        states = self._summed(given, 0) * mask[..., None]

        def changes() -> Iterator[Change]:
            length = mask.sum(dim=1)
            furthest = max(self.widths) // 2
            for distance in (*range(-furthest, 0), *range(1, furthest + 1)):
                rows, deleted = which.nonzero(as_tuple=True)
                positions = deleted + distance
                inside = (positions >= 0) & (positions < length[rows])
                rows, deleted, positions = rows[inside], deleted[inside], positions[inside]
                yield Change(rows, deleted, positions, self._summed(given, distance)[rows, positions])

        return states, changes()

    def _summed(self, given: list[Tensor], distance: int) -> Float[Tensor, "batch token dim"]:
        """The state of each token if the one `distance` places before it were deleted (after it, if negative)."""
        sums = [
            _neighbours(part, distance) + convolution.get_parameter("bias")
            for part, convolution in zip(given, self.convolutions, strict=True)
        ]
        return torch.relu(torch.cat(sums, dim=-1))


class BiLstm(nn.Module):
    """A forward and a backward LSTM, `hidden` units each; a state is the two side by side.

    The backward one reads each text reversed within its own length, so that no padding is read before it:
    the result of a packed bidirectional LSTM, without packing, which is several times slower on a CPU.
    """

    def __init__(self, embedding: int, hidden: int) -> None:
        super().__init__()
        self.forward_lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.backward_lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.dim = 2 * hidden

    def forward(
        self, embedding: Float[Tensor, "batch token in"], mask: Bool[Tensor, "batch token"]
    ) -> Float[Tensor, "batch token dim"]:
        """States in (-1, 1), 0 at padding."""
        mirror = _mirror(mask)
        ahead, _ = self.forward_lstm(embedding)
        behind, _ = self.backward_lstm(_reordered(embedding, mirror))
        return torch.cat([ahead, _reordered(behind, mirror)], dim=-1) * mask[..., None]

    def summary(
        self, states: Float[Tensor, "batch token dim"], mask: Bool[Tensor, "batch token"]
    ) -> Float[Tensor, "batch dim"]:
        """Where each direction ends: the forward state of the last token, the backward state of the first."""
        rows = torch.arange(len(states), device=states.device)
        half = self.dim // 2
        return torch.cat([states[rows, mask.sum(dim=1) - 1, :half], states[:, 0, half:]], dim=-1)

    def deletions(
        self,
        embedding: Float[Tensor, "batch token in"],
        mask: Bool[Tensor, "batch token"],
        which: Bool[Tensor, "batch token"],
    ) -> tuple[Float[Tensor, "batch token dim"], Iterator[Change]]:
        """The states, and every state that changes when one of the tokens in `which` is deleted.

        Forward states before the deleted token and backward states after it are unchanged. The others are
        computed anew from the unchanged neighbour on, all deletions as rows of one batch; a row whose state has
        come back to the original is finished. Trained LSTMs forget, so that the cost grows with the number of
        tokens times the memory of the LSTM, not with the square of the length.
        """
        mirror = _mirror(mask)
        half = self.dim // 2
        ahead, ahead_cells = _unrolled(self.forward_lstm, embedding)
        behind, behind_cells = _unrolled(self.backward_lstm, _reordered(embedding, mirror))
        states = torch.cat([ahead, _reordered(behind, mirror)], dim=-1) * mask[..., None]

        def changes() -> Iterator[Change]:
            for rows, deleted, positions, new in _rerun(
                self.forward_lstm, embedding, mask, which, ahead, ahead_cells
            ):
                unchanged = states[rows, positions, half:]
                yield Change(rows, deleted, positions, torch.cat([new, unchanged], dim=-1))
            last = mask.sum(dim=1) - 1
            for rows, deleted, positions, new in _rerun(
                self.backward_lstm,
                _reordered(embedding, mirror),
                mask,
                _reordered(which[..., None], mirror)[..., 0],
                behind,
                behind_cells,
            ):
                places = last[rows] - positions
                unchanged = states[rows, places, :half]
                yield Change(rows, last[rows] - deleted, places, torch.cat([unchanged, new], dim=-1))

        return states, changes()


ENCODERS: dict[str, Callable[[int, int], Any]] = {
    "bilstm": BiLstm,
    "cnn": Cnn,
    "average": Average,
}


def encoder_named(name: str) -> Callable[[int, int], Any]:
    """What makes an encoder from the sizes of its input and of its units: of `ENCODERS`, or `module:Class`.

    A module from outside must have been imported by then, and the name must be of an `nn.Module`: it may come from a
    file of weights, and a file must not decide what is run.

    Raises:
        ModelError: no such encoder, its module is not imported, or it is not an encoder.
    """
    if name in ENCODERS:
        return ENCODERS[name]
    module, colon, _ = name.partition(":")
    if not colon:
        raise ModelError(unknown_name("encoder", name, ENCODERS))
    if module not in sys.modules:
        raise ModelError(
            f"encoder `{name}`: import the module `{module}` first; on the command line, give `--encoder {name}`"
        )
    try:
        found = pkgutil.resolve_name(name)
    except (AttributeError, ValueError) as error:
        raise ModelError(f"encoder `{name}` cannot be found: {error}") from None
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise ModelError(f"encoder `{name}` must be a class of `torch.nn.Module`, found {found!r:.80}")
    return found


def _given(
    convolution: nn.Module, inputs: Float[Tensor, "batch token in"]
) -> Float[Tensor, "offset batch padded unit"]:
    """What each token gives to the state in whose window it stands at `offset`; zeros on both sides of the text."""
    given = torch.einsum("bti,uio->obtu", inputs, convolution.get_parameter("weight"))
    beyond = len(given) // 2 + 1
    return torch.nn.functional.pad(given, (0, 0, beyond, beyond))


def _neighbours(
    given: Float[Tensor, "offset batch padded unit"], distance: int
) -> Float[Tensor, "batch token unit"]:
    """The sum of what is given to each state, with the neighbour `distance` places before it gone (0: none)."""
    reach = len(given) // 2
    width = given.shape[2] - 2 * (reach + 1)
    total = given.new_zeros(given.shape[1], width, given.shape[3])
    for offset, part in enumerate(given):
        place = offset - reach
        moved = int(place >= -distance) if distance < 0 else -int(0 < distance <= -place)
        total = total + part[:, offset + 1 + moved : offset + 1 + moved + width]
    return total


def _mirror(mask: Bool[Tensor, "batch token"]) -> Int[Tensor, "batch token"]:
    """Each position's mirror image within the length of its row; padding stays where it is."""
    places = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    return torch.where(mask, mask.sum(dim=1, keepdim=True) - 1 - places, places)


def _reordered(values: Tensor, order: Int[Tensor, "batch token"]) -> Tensor:
    return values.gather(1, order[..., None].expand(-1, -1, values.shape[-1]))


def _cell(gates: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
    """One LSTM step from the sum of all inputs to the gates; the order of gates is PyTorch's."""
    let_in, keep, new, out = gates.chunk(4, dim=-1)
    cells = torch.sigmoid(keep) * cells + torch.sigmoid(let_in) * torch.tanh(new)
    return torch.sigmoid(out) * torch.tanh(cells), cells


def _input_gates(lstm: nn.LSTM, inputs: Float[Tensor, "batch token in"]) -> Float[Tensor, "batch token gate"]:
    bias = lstm.get_parameter("bias_ih_l0") + lstm.get_parameter("bias_hh_l0")
    return torch.nn.functional.linear(inputs, lstm.get_parameter("weight_ih_l0"), bias)


def _unrolled(lstm: nn.LSTM, inputs: Float[Tensor, "batch token in"]) -> tuple[Tensor, Tensor]:
    """Hidden *and cell* states at each position, [batch, token, hidden]; `nn.LSTM` gives the last cell only."""
    gates = _input_gates(lstm, inputs)
    recurrent = lstm.get_parameter("weight_hh_l0").T
    hidden = gates.new_zeros(gates.shape[0], gates.shape[-1] // 4)
    cells = hidden
    all_hidden, all_cells = [], []
    for position in range(gates.shape[1]):
        hidden, cells = _cell(torch.addmm(gates[:, position], hidden, recurrent), cells)
        all_hidden.append(hidden)
        all_cells.append(cells)
    return torch.stack(all_hidden, dim=1), torch.stack(all_cells, dim=1)


def _rerun(
    lstm: nn.LSTM,
    inputs: Float[Tensor, "batch token in"],
    mask: Bool[Tensor, "batch token"],
    which: Bool[Tensor, "batch token"],
    hidden: Float[Tensor, "batch token hidden"],
    cells: Float[Tensor, "batch token hidden"],
) -> Iterator[Change]:
    """One direction anew after each deletion in `which`, from the deleted token on, until the state is back."""
    gates = _input_gates(lstm, inputs)
    recurrent = lstm.get_parameter("weight_hh_l0").T
    length = mask.sum(dim=1)
    before = gates.new_zeros(gates.shape[0], 1, gates.shape[-1] // 4)
    hidden_before = torch.cat([before, hidden[:, :-1]], dim=1)
    cells_before = torch.cat([before, cells[:, :-1]], dim=1)
    rows = deleted = torch.empty(0, dtype=torch.long, device=gates.device)
    now_hidden = now_cells = gates.new_zeros(0, gates.shape[-1] // 4)
    for position in range(1, gates.shape[1]):
        fresh = which[:, position - 1].nonzero().flatten()
        rows = torch.cat([rows, fresh])
        deleted = torch.cat([deleted, torch.full_like(fresh, position - 1)])
        now_hidden = torch.cat([now_hidden, hidden_before[fresh, position - 1]])
        now_cells = torch.cat([now_cells, cells_before[fresh, position - 1]])
        going_on = position < length[rows]
        if not going_on.all():
            rows, deleted, now_hidden, now_cells = (
                x[going_on] for x in (rows, deleted, now_hidden, now_cells)
            )
        if not len(rows):
            continue
        now_hidden, now_cells = _cell(torch.addmm(gates[rows, position], now_hidden, recurrent), now_cells)
        yield Change(rows, deleted, torch.full_like(rows, position), now_hidden)
        off = (now_hidden - hidden[rows, position]).abs().amax(dim=-1)
        off = torch.maximum(off, (now_cells - cells[rows, position]).abs().amax(dim=-1))
        away = off > _CAME_BACK
        if not away.all():
            rows, deleted, now_hidden, now_cells = (x[away] for x in (rows, deleted, now_hidden, now_cells))
