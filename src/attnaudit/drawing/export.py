"""Figures as files for a paper: one column wide, white ground, letters that can be read in print. Offline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import vl_convert

from attnaudit.drawing.figure import Chart
from attnaudit.drawing.figures import FIGURES
from attnaudit.errors import SpecError, unknown_name
from attnaudit.result import Result
from attnaudit.store import write_atomically

FORMATS = ("svg", "pdf", "png")
COLUMN_WIDTH = 240
"""Points: 3.33 inches, one column of a two-column paper."""

_FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"


def export_figures(
    result: Result,
    folder: str | Path,
    formats: Sequence[str] = ("svg", "pdf"),
    names: Iterable[str] | None = None,
) -> list[Path]:
    """Write each figure that has something to show into a folder, as `NAME.FORMAT`.

    Args:
        result: the run.
        folder: made if it is not there.
        formats: of `svg`, `pdf`, `png`.
        names: which figures; all where not given.

    Returns:
        The files, figure by figure.

    Raises:
        SpecError: a figure or a format that does not exist.
        StoreError: a file cannot be written.
    """
    wanted = list(FIGURES) if names is None else list(names)
    faults = [unknown_name("figure", name, FIGURES) for name in wanted if name not in FIGURES]
    faults += [unknown_name("format", entry, FORMATS) for entry in formats if entry not in FORMATS]
    if faults:
        raise SpecError(*faults)
    written = []
    for name in wanted:
        table = FIGURES[name].data(result)
        if not len(table):
            continue
        spec = for_paper(FIGURES[name].draw(table))
        for entry in formats:
            path = Path(folder) / f"{name}.{entry}"
            write_atomically(path, _rendered(spec, entry))
            written.append(path)
    return written


def svg(spec: Mapping[str, Any], width: int) -> str:
    """The specification of a chart as static SVG of a total width in pixels, with a transparent ground."""
    return vl_convert.vegalite_to_svg({**spec, "width": width})


def for_paper(chart: Chart) -> dict[str, Any]:
    """The specification of a chart in one column: smaller letters, black on white."""
    spec = chart.to_dict()
    spec["width"] = COLUMN_WIDTH
    spec["height"] = round(spec["height"] * 0.7)
    spec["background"] = "white"
    spec["padding"] = {"left": 4, "right": 16, "top": 4, "bottom": 4}  # labels beside the plot may end in it
    config = spec["config"]
    config["font"] = _FONT
    config["axis"] |= {"labelFontSize": 7.5, "titleFontSize": 8, "titlePadding": 4, "labelLimit": 72}
    config["axis"] |= {
        "labelColor": "black",
        "titleColor": "black",
        "domainColor": "black",
        "tickColor": "black",
    }
    config["legend"] |= {"labelFontSize": 7.5, "labelColor": "black", "symbolSize": 60}
    config["text"] |= {"fontSize": 7.5}
    _thin(spec)
    return spec


def _thin(part: Any) -> None:
    """Make points, lines and the keys of legends as much smaller as the letters are."""
    if isinstance(part, list):
        for entry in part:
            _thin(entry)
    elif isinstance(part, dict):
        for name, value in part.items():
            if name in ("size", "symbolSize", "strokeWidth") and isinstance(value, int | float):
                part[name] = value * (0.6 if name == "strokeWidth" else 0.4)
            elif name not in ("datasets", "data"):
                _thin(value)


def _rendered(spec: dict[str, Any], kind: str) -> bytes:
    match kind:
        case "svg":
            return vl_convert.vegalite_to_svg(spec).encode()
        case "pdf":
            return vl_convert.vegalite_to_pdf(spec)
        case _:
            return vl_convert.vegalite_to_png(spec, ppi=300, scale=1)
