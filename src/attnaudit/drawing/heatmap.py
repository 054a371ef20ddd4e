"""A text with a weight on each token → escaped HTML that shows and says where the weights lie.

The shade of a token is linear in its weight, and the darkest is the largest weight of the row, which is named
below. One hue; the shades keep the contrast of the letters on light and on dark pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

WINDOW = 160
"""Of longer texts, so many tokens are shown, around the largest weight."""

HEATMAP_STYLE = """\
:root { --attention-full: #86b6ea; --attention-edge: #5b6673; }
@media (prefers-color-scheme: dark) { :root { --attention-full: #1d5b99; --attention-edge: #9aa7b4; } }
.heatmap { margin: 0; }
.heatmap-tokens { line-height: 1.9; margin: .3rem 0; overflow-wrap: anywhere; }
.heatmap-tokens > span { border-radius: .2em; padding: .12em .16em; }
.heatmap-note { font-size: .85em; margin: .2rem 0 0; }
@media print {
  :root { --attention-full: #86b6ea; }
  .heatmap-tokens > span { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
"""The style of a page with heat maps; without it (in a notebook) a shade is used that fits both themes."""

_FALLBACK = "#3c79b4"  # as far from white as from black, so that letters of either colour can be read on it


def heatmap(tokens: Sequence[str] | None, weights: Sequence[float] | np.ndarray, *, caption: str = "") -> str:
    """One row of tokens, shaded by weight.

    Args:
        tokens: one for each weight; None where the text is withheld: the numbers of the tokens stand instead.
        weights: non-negative and finite, in the order of the tokens.
        caption: what the weights are; plain text.

    Raises:
        ValueError: another number of tokens than of weights, or a weight that is negative or not finite.
    """
    values = np.asarray(weights, dtype=np.float64)
    names = [str(number) for number in range(1, len(values) + 1)] if tokens is None else list(tokens)
    if len(names) != len(values):
        raise ValueError(f"`tokens` must be as many as `weights`, found {len(names)} and {len(values)}")
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("`weights` must be finite and not negative")
    head = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    if not len(values):
        return (
            f'<figure class="heatmap">{head}<p class="heatmap-note">There are no tokens to show.</p></figure>'
        )
    first, last = window(values)
    largest = float(values.max())
    shown = " ".join(_token(names[place], float(values[place]), largest) for place in range(first, last))
    lead = '<span aria-hidden="true">… </span>' if first else ""
    tail = '<span aria-hidden="true"> …</span>' if last < len(values) else ""
    notes = [_most(names, values, withheld=tokens is None)]
    if last - first < len(values):
        inside = float(values[first:last].sum() / values.sum()) if values.sum() > 0 else 0.0
        notes.append(
            f"Shown are tokens {first + 1:,} to {last:,} of {len(values):,}, around the largest weight; "
            f"{inside:.0%} of the weight lies on them."
        )
    if tokens is None:
        notes.append("The text is withheld; the numbers count the tokens.")
    return (
        f'<figure class="heatmap">{head}<p class="heatmap-tokens" dir="auto">{lead}{shown}{tail}</p>'
        f'<p class="heatmap-note">{" ".join(notes)}</p></figure>'
    )


def window(weights: np.ndarray, size: int = WINDOW) -> tuple[int, int]:
    """First and one past the last token to show: all, or `size` of them around the largest weight."""
    if len(weights) <= size:
        return 0, len(weights)
    first = min(max(0, int(np.argmax(weights)) - size // 2), len(weights) - size)
    return first, first + size


def shade(weight: float, largest: float) -> float:
    """Shade of a weight in per cent: linear, 100 at the largest weight of the row."""
    return round(100 * weight / largest, 1) if largest > 0 else 0.0


def _token(name: str, weight: float, largest: float) -> str:
    percent = shade(weight, largest)
    mix = f"background:color-mix(in srgb,var(--attention-full,{_FALLBACK}) {percent:g}%,transparent)"
    style = f' style="{mix}"' if percent > 0 else ""
    return f'<span title="{weight:.4f}"{style}><bdi>{escape(name)}</bdi></span>'


def _most(names: Sequence[str], values: np.ndarray, *, withheld: bool) -> str:
    """The largest weights in words, for those who do not see shades."""
    order = np.argsort(-values, kind="stable")[: min(3, len(values))]
    if values[order[0]] == 0:
        return "All weights are 0."
    rest = [place for place in order if values[place] >= 0.005] or [order[0]]
    kind = "token " if withheld else ""
    said = ", ".join(f"{kind}<bdi>{escape(names[place])}</bdi> {values[place]:.2f}" for place in rest)
    return f"Largest weight {values[order[0]]:.3f}. Most: {said}."
