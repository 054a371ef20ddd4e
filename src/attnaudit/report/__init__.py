"""A run as one self-contained HTML page, for people who were not there. No torch, no network."""

from attnaudit.report.page import write_report

__all__ = ["write_report"]
