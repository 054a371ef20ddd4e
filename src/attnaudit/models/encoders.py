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

_LOOKED_EVERY = 4
"""Positions between two looks at whether a row has come back: looking costs a fifth of a step."""


class Change(NamedTuple):
    """Token states that are no longer what they were, because another token of the text was deleted.

    `rows` says which row of the batch, `deleted` which token went, `positions` which token the new state is of. Only
    these `columns` of the state are new, and `states` holds no others.
    """

    rows: Int[Tensor, " change"]
    deleted: Int[Tensor, " change"]
    positions: Int[Tensor, " change"]
    states: Float[Tensor, "change column"]
    columns: slice = slice(None)


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
        onward, back = _Gates.of(self.forward_lstm), _Gates.of(self.backward_lstm)
        given_onward, given_back = onward.of_inputs(embedding), back.of_inputs(_reordered(embedding, mirror))
        ahead, ahead_cells = _unrolled(onward, given_onward)
        behind, behind_cells = _unrolled(back, given_back)
        states = torch.cat([ahead, _reordered(behind, mirror)], dim=-1) * mask[..., None]

        def changes() -> Iterator[Change]:
            for change in _rerun(onward, given_onward, mask, which, ahead, ahead_cells):
                yield change._replace(columns=slice(half))
            last = mask.sum(dim=1) - 1
            mirrored = _reordered(which[..., None], mirror)[..., 0]
            for change in _rerun(back, given_back, mask, mirrored, behind, behind_cells):
                end = last[change.rows]
                yield change._replace(
                    deleted=end - change.deleted, positions=end - change.positions, columns=slice(half, None)
                )

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


class _Gates(NamedTuple):
    """One direction's weights, those of the cell's candidate doubled: tanh x = 2 σ(2x) − 1.

    All gates are then one sigmoid, which torch computes several times faster on a CPU than tanh.
    """

    input: Float[Tensor, "gate in"]
    recurrent: Float[Tensor, "hidden gate"]
    bias: Float[Tensor, " gate"]

    @classmethod
    def of(cls, lstm: nn.LSTM) -> _Gates:
        size = lstm.hidden_size
        scale = torch.ones(4 * size, device=lstm.get_parameter("weight_hh_l0").device)
        scale[2 * size : 3 * size] = 2.0  # PyTorch's order: input, forget, candidate, output
        bias = lstm.get_parameter("bias_ih_l0") + lstm.get_parameter("bias_hh_l0")
        return cls(
            lstm.get_parameter("weight_ih_l0") * scale[:, None],
            (lstm.get_parameter("weight_hh_l0") * scale[:, None]).T.contiguous(),
            bias * scale,
        )

    def of_inputs(self, inputs: Float[Tensor, "batch token in"]) -> Float[Tensor, "batch token gate"]:
        """What the inputs give to the gates."""
        return torch.nn.functional.linear(inputs, self.input, self.bias)

    def step(
        self,
        given: Float[Tensor, "row gate"],
        hidden: Float[Tensor, "row hidden"],
        cells: Float[Tensor, "row hidden"],
    ) -> tuple[Float[Tensor, "row hidden"], Float[Tensor, "row hidden"]]:
        """The next hidden and cell states."""
        let_in, keep, new, out = torch.addmm(given, hidden, self.recurrent).sigmoid_().chunk(4, dim=-1)
        cells = torch.addcmul(keep * cells, let_in, 2 * new - 1)
        return out * (2 * torch.sigmoid(2 * cells) - 1), cells


def _unrolled(gates: _Gates, given: Float[Tensor, "batch token gate"]) -> tuple[Tensor, Tensor]:
    """Hidden *and cell* states at each position, [batch, token, hidden]; `nn.LSTM` gives the last cell only."""
    hidden = given.new_zeros(given.shape[0], given.shape[-1] // 4)
    cells = hidden
    all_hidden, all_cells = [], []
    for position in range(given.shape[1]):
        hidden, cells = gates.step(given[:, position], hidden, cells)
        all_hidden.append(hidden)
        all_cells.append(cells)
    return torch.stack(all_hidden, dim=1), torch.stack(all_cells, dim=1)


def _rerun(
    gates: _Gates,
    given: Float[Tensor, "batch token gate"],
    mask: Bool[Tensor, "batch token"],
    which: Bool[Tensor, "batch token"],
    hidden: Float[Tensor, "batch token hidden"],
    cells: Float[Tensor, "batch token hidden"],
) -> Iterator[Change]:
    """One direction anew after each deletion in `which`, from the deleted token on, until the state is back."""
    length, width = mask.sum(dim=1), mask.shape[1]
    shortest = int(length.min())
    given, hidden, cells = (x.flatten(0, 1) for x in (given, hidden, cells))
    rows = deleted = torch.empty(0, dtype=torch.long, device=given.device)
    now_hidden = now_cells = given.new_zeros(0, hidden.shape[-1])
    for position in range(1, width):
        fresh = which[:, position - 1].nonzero().flatten()
        if len(fresh):
            before = fresh * width + position - 2
            rows = torch.cat([rows, fresh])
            deleted = torch.cat([deleted, torch.full_like(fresh, position - 1)])
            now_hidden = torch.cat([now_hidden, _before(hidden, before, position)])
            now_cells = torch.cat([now_cells, _before(cells, before, position)])
        if position >= shortest:
            left = (position < length[rows]).nonzero().flatten()
            rows, deleted, now_hidden, now_cells = _kept(left, rows, deleted, now_hidden, now_cells)
        if not len(rows):
            continue
        here = rows * width + position
        now_hidden, now_cells = gates.step(given.index_select(0, here), now_hidden, now_cells)
        yield Change(rows, deleted, torch.full_like(rows, position), now_hidden)
        if position % _LOOKED_EVERY == 0:
            off = (now_hidden - hidden.index_select(0, here)).abs_().amax(dim=-1)
            off = torch.maximum(off, (now_cells - cells.index_select(0, here)).abs_().amax(dim=-1))
            away = (off > _CAME_BACK).nonzero().flatten()
            rows, deleted, now_hidden, now_cells = _kept(away, rows, deleted, now_hidden, now_cells)


def _before(
    states: Float[Tensor, "place hidden"], places: Int[Tensor, " row"], position: int
) -> Float[Tensor, "row hidden"]:
    """The states at the given places, which are those before the deleted token; 0 before the first token."""
    return states.index_select(0, places) if position > 1 else states.new_zeros(len(places), states.shape[-1])


def _kept(which: Int[Tensor, " kept"], *values: Tensor) -> tuple[Tensor, ...]:
    return values if len(which) == len(values[0]) else tuple(value.index_select(0, which) for value in values)
