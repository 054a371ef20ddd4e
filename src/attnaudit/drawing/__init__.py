"""Figures and token heat maps, for everyone who shows: report, notebooks, papers. No torch.

A figure is two functions: one computes the table that is drawn, the other draws that table and nothing else.
"""

from attnaudit.drawing.export import export_figures
from attnaudit.drawing.figure import Figure
from attnaudit.drawing.figures import FIGURES
from attnaudit.drawing.heatmap import HEATMAP_STYLE, heatmap

__all__ = ["FIGURES", "HEATMAP_STYLE", "Figure", "export_figures", "heatmap"]
