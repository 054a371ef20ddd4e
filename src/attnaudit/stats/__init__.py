"""Mathematics on arrays: ranks, divergences, inference. Knows no model and no torch."""

from __future__ import annotations

from collections.abc import Callable

from attnaudit.stats.rank import Correlation
from attnaudit.stats.rank_bulk import kendall_tau_b_each

STATISTICS: dict[str, Callable[..., list[Correlation]]] = {"kendall_tau_b": kendall_tau_b_each}
"""How two rankings of the same tokens may be compared: of many pairs of rankings, a correlation each."""
