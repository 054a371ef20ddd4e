"""Samples → histograms and density curves, as numbers, so that what is drawn can be read and checked."""

from __future__ import annotations

import numpy as np
from scipy.stats import gaussian_kde

_NARROWEST = 0.005
"""Least bandwidth, as a share of the range: a sample of equal values becomes a thin peak and no error."""


def histogram(sample: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count and share of a sample in each bin; the shares sum to 1 (or are all 0 without a sample)."""
    counts, _ = np.histogram(np.clip(sample, edges[0], edges[-1]), edges)
    return counts, counts / max(1, counts.sum())


def density(sample: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Gaussian kernel density (Scott's bandwidth) on a rising grid, with an integral of 1 over the grid.

    What the kernels carry beyond the ends of the grid is cut off, since there can be no value there.
    """
    low, high = float(grid[0]), float(grid[-1])
    least = _NARROWEST * ((high - low) or 1.0)
    spread = float(np.std(sample, ddof=1)) if len(sample) > 1 else 0.0
    bandwidth = spread * len(sample) ** (-1 / 5)
    if bandwidth > least:
        curve = gaussian_kde(sample)(grid)
    else:
        # Point by point: all at once would take memory for grid × sample numbers.
        values = np.asarray(sample)
        curve = np.array([np.exp(-0.5 * ((point - values) / least) ** 2).mean() for point in grid])
    area = float(np.trapezoid(curve, grid))
    return curve / area if area > 0 else np.full(len(grid), 1 / ((high - low) or 1.0))


def violin(sample: np.ndarray, *, points: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Grid from the least to the greatest value, and the density there: a violin that ends where its values do."""
    grid = (
        np.linspace(sample.min(), sample.max(), points) if np.ptp(sample) > 0 else np.array([sample[0]] * 2)
    )
    if grid[0] == grid[-1]:
        return grid, np.ones(len(grid))
    return grid, density(sample, grid)
