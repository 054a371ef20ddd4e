"""A small linear program over the simplex to which half-spaces are added one by one.

maximise value · β over the distributions β with cut · β ≥ 0 for every cut. A half-space a · β ≥ b is the cut a − b, since
β sums to 1. Its multipliers fold all cuts into one half-space; whatever rounding does to them, a fold by non-negative
multipliers is a half-space that every allowed β lies in. So nothing certified rests on this file.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

_TINY = 1e-9
_MOST_PIVOTS = 60


class Program:
    """The dual simplex method on a full tableau, with room for `room` cuts.

    Column 0 is the right-hand side, then come the tokens, then the slack of each cut. Row 0 is the objective,
    row 1 says that the weights sum to 1, row 2 + c belongs to cut c. Oracle: scipy's `linprog`.
    """

    def __init__(self, value: Float[np.ndarray, " token"], room: int) -> None:
        best = int(value.argmax())
        self.n_tokens = len(value)
        self.room = room
        self.cuts = np.empty((room, self.n_tokens))
        self.n_cuts = 0
        self._tableau = np.zeros((2 + room, 1 + self.n_tokens + room))
        self._tableau[0, 0] = value[best]
        self._tableau[0, 1 : 1 + self.n_tokens] = value[best] - value
        self._tableau[1, : 1 + self.n_tokens] = 1.0
        self._basis = np.zeros(2 + room, dtype=np.intp)
        self._basis[1] = 1 + best

    def add(self, cut: Float[np.ndarray, " token"]) -> Float[np.ndarray, " token"] | None:
        """Adds a cut and solves anew. Multipliers that prove there is no β when there is none, else None."""
        row = 2 + self.n_cuts
        self.cuts[self.n_cuts] = cut
        tokens = self._basis[1:row]
        rows = 1 + np.flatnonzero(tokens <= self.n_tokens)
        new = cut[self._basis[rows] - 1] @ self._tableau[rows]
        new[1 : 1 + self.n_tokens] -= cut
        slack = 1 + self.n_tokens + self.n_cuts
        new[slack] += 1.0
        self._tableau[row] = new
        self._basis[row] = slack
        self.n_cuts += 1
        return self._solve()

    @property
    def weights(self) -> Float[np.ndarray, " token"]:
        """The best β."""
        weights = np.zeros(self.n_tokens)
        rows = np.arange(1, 2 + self.n_cuts)
        basic = self._basis[rows]
        real = basic <= self.n_tokens
        weights[basic[real] - 1] = np.maximum(self._tableau[rows[real], 0], 0.0)
        return weights / weights.sum()

    @property
    def multipliers(self) -> Float[np.ndarray, " cut"]:
        """The price of each cut at the best β, at least 0."""
        first = 1 + self.n_tokens
        return np.maximum(self._tableau[0, first : first + self.n_cuts], 0.0)

    def _solve(self) -> Float[np.ndarray, " cut"] | None:
        last = 2 + self.n_cuts
        width = 1 + self.n_tokens + self.n_cuts
        table = self._tableau[:last, :width]
        for _ in range(_MOST_PIVOTS):
            row = 1 + int(table[1:, 0].argmin())
            if table[row, 0] >= -_TINY:
                break
            columns = 1 + np.flatnonzero(table[row, 1:] < -_TINY)
            if not len(columns):
                return np.maximum(table[row, 1 + self.n_tokens :], 0.0)
            column = columns[(np.maximum(table[0, columns], 0.0) / -table[row, columns]).argmin()]
            table[row] /= table[row, column]
            factors = table[:, column].copy()
            factors[row] = 0.0
            table -= factors[:, None] * table[row]
            self._basis[row] = column
        return None
