"""Moved: see `attnaudit.readout`."""

from attnaudit.readout import LinearReadout, Readout, TanhReadout, probabilities

__all__ = ["LinearReadout", "Readout", "TanhReadout", "probabilities"]
