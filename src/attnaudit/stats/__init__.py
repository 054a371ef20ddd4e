"""Mathematics on arrays: ranks, divergences, inference. Knows no model and no torch."""

from __future__ import annotations

from collections.abc import Callable

from attnaudit.stats.rank import Correlation, kendall_tau_b

STATISTICS: dict[str, Callable[..., Correlation]] = {"kendall_tau_b": kendall_tau_b}
"""How two rankings of the same tokens may be compared."""
