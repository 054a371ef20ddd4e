"""Encoders: a state for each token, from word vectors and the mask of real tokens.

Three of Jain & Wallace 2019: BiLSTM, CNN (widths 1, 3, 5, 7) and a token-wise projection. States at padding
are 0, and no state depends on how much padding there is.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnaudit.errors import ModelError, unknown_name
from attnaudit.models.deletions import Change, Changes, Remainder, Slopes
from attnaudit.models.recurrence import FORGOTTEN, rerun, run


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
    ) -> tuple[Float[Tensor, "batch token dim"], Changes]:
        """The states, and no changes: a deleted token leaves the others as they were."""
        return self(embedding, mask), lambda _slopes: iter(())


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
    ) -> tuple[Float[Tensor, "batch token dim"], Changes]:
        """The states, and those within three places of a deleted token: no window reaches further.

        What a token gives to each state whose window holds it is computed once, as in a forward pass; a state after
        a deletion is the sum of what its new neighbours give. So all deletions cost little more than that pass.
        """
        given = [_given(convolution, embedding * mask[..., None]) for convolution in self.convolutions]
        states = self._summed(given, 0) * mask[..., None]

        def changes(_slopes: Callable[[], Slopes] | None) -> Iterator[Change | Remainder]:
            length = mask.sum(dim=1)
            furthest = max(self.widths) // 2
            for distance in (*range(-furthest, 0), *range(1, furthest + 1)):
                rows, deleted = which.nonzero(as_tuple=True)
                positions = deleted + distance
                inside = (positions >= 0) & (positions < length[rows])
                rows, deleted, positions = rows[inside], deleted[inside], positions[inside]
                yield Change(rows, deleted, positions, self._summed(given, distance)[rows, positions])

        return states, changes

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
    ) -> tuple[Float[Tensor, "batch token dim"], Changes]:
        """The states, and every state that changes when one of the tokens in `which` is deleted.

        Forward states before the deleted token and backward states after it are unchanged. The others are
        computed anew from the unchanged neighbour on, all deletions as rows of one batch; a row whose state has
        come back to the original is finished; with slopes, one that is nearly back. Trained LSTMs forget, so that the
        cost grows with the number of tokens times the memory of the LSTM, not with the square of the length.
        """
        mirror = _mirror(mask)
        half = self.dim // 2
        ahead = run(self.forward_lstm, embedding)
        behind = run(self.backward_lstm, _reordered(embedding, mirror))
        states = torch.cat([ahead.hidden, _reordered(behind.hidden, mirror)], dim=-1) * mask[..., None]

        def changes(slopes: Callable[[], Slopes] | None) -> Iterator[Change | Remainder]:
            of_ahead = of_behind = None
            if slopes is not None and mask.shape[1] >= FORGOTTEN:
                by_state, stake = slopes()
                by_ahead, by_behind = by_state.chunk(2, dim=-1)
                of_ahead = Slopes(by_ahead, stake)
                by_behind = _reordered(by_behind.flatten(2), mirror).view_as(by_behind)
                of_behind = Slopes(by_behind, _reordered(stake[..., None], mirror)[..., 0])
            for found in rerun(ahead, mask, which, of_ahead):
                yield found._replace(columns=slice(half)) if isinstance(found, Change) else found
            last = mask.sum(dim=1) - 1
            mirrored = _reordered(which[..., None], mirror)[..., 0]
            for found in rerun(behind, mask, mirrored, of_behind):
                end = last[found.rows]
                found = found._replace(deleted=end - found.deleted)
                if isinstance(found, Change):
                    found = found._replace(positions=end - found.positions, columns=slice(half, None))
                yield found

        return states, changes


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
