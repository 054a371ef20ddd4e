"""A small linear program over the simplex to which half-spaces are added one by one.

maximise value · β over the distributions β with cut · β ≥ 0 for every cut. A half-space a · β ≥ b is the cut a − b,
since β sums to 1. The multipliers fold all cuts into one; a fold by any non-negative multipliers is a half-space
that every allowed β lies in, so rounding here can make a bound looser, never wrong.
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
        self.n_tokens, self.n_cuts = len(value), 0
        self.multipliers = np.zeros(0)
        self.empty = False
        self._cuts = np.empty((room, len(value)))
        self._tableau = np.zeros((2 + room, 1 + len(value) + room))
        self._tableau[0, 0] = value[best]
        self._tableau[0, 1 : 1 + len(value)] = value[best] - value
        self._tableau[1, : 1 + len(value)] = 1.0
        self._basis = np.zeros(2 + room, dtype=np.intp)
        self._basis[1] = 1 + best

    def add(self, cut: Float[np.ndarray, " token"]) -> None:
        """One more cut, and the program solved anew. `empty` then says whether no β is left.

        `multipliers` are the prices of the cuts at the best β, or those of a fold that holds no β at all.
        """
        row, slack = 2 + self.n_cuts, 1 + self.n_tokens + self.n_cuts
        rows = 1 + np.flatnonzero(self._basis[1:row] <= self.n_tokens)
        self._tableau[row] = cut[self._basis[rows] - 1] @ self._tableau[rows]
        self._tableau[row, 1 : 1 + self.n_tokens] -= cut
        self._tableau[row, slack] += 1.0
        self._basis[row] = slack
        self._cuts[self.n_cuts] = cut
        self.n_cuts += 1
        self._solve(self._tableau[: row + 1, : slack + 1])

    @property
    def full(self) -> bool:
        """Whether there is no room for another cut."""
        return self.n_cuts == len(self._cuts)

    @property
    def weights(self) -> Float[np.ndarray, " token"]:
        """The best β."""
        basis = self._basis[1 : 2 + self.n_cuts]
        rows = np.flatnonzero(basis <= self.n_tokens)
        weights = np.zeros(self.n_tokens)
        weights[basis[rows] - 1] = np.maximum(self._tableau[1 + rows, 0], 0.0)
        return weights / weights.sum()

    @property
    def fold(self) -> Float[np.ndarray, " token"]:
        """All cuts in one: `fold` · β ≥ 0."""
        return self.multipliers @ self._cuts[: self.n_cuts]

    def _solve(self, table: Float[np.ndarray, "row column"]) -> None:
        prices = slice(1 + self.n_tokens, None)
        for _ in range(_MOST_PIVOTS):
            row = 1 + int(table[1:, 0].argmin())
            if table[row, 0] >= -_TINY:
                break
            columns = 1 + np.flatnonzero(table[row, 1:] < -_TINY)
            if not len(columns):
                self.empty = True
                self.multipliers = np.maximum(table[row, prices], 0.0)
                return
            column = columns[(np.maximum(table[0, columns], 0.0) / -table[row, columns]).argmin()]
            table[row] /= table[row, column]
            factors = table[:, column].copy()
            factors[row] = 0.0
            table -= factors[:, None] * table[row]
            self._basis[row] = column
        self.multipliers = np.maximum(table[0, prices], 0.0)
