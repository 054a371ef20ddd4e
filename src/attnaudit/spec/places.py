"""Where in a spec files and folders are named: a place changes no number, and pages that travel must not tell it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

PLACES = (
    ("task", "path"),
    ("task", "dev_path"),
    ("task", "test_path"),
    ("task", "notes"),
    ("task", "diagnoses"),
    ("task", "split_ids"),
    ("model", "run"),
    ("model", "path"),
    ("model", "vectors"),
    ("model", "guide"),
    ("train", "goal", "run"),
)
"""The settings that hold one, from the top of a spec."""


def without_folders(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a spec with only the last part of each path."""
    return changed(plain, last_part)


def has_places(plain: Mapping[str, Any]) -> bool:
    """Whether the plain values of a spec name any file or folder."""
    found: list[str] = []
    changed(plain, found.append)
    return bool(found)


def changed(plain: Mapping[str, Any], change: Callable[[str], str | None]) -> dict[str, Any]:
    """A copy of the plain values of a spec in which every path that is given is another."""
    copy = deepcopy(dict(plain))
    for *sections, key in PLACES:
        within: Any = copy
        for section in sections:
            within = within.get(section) if isinstance(within, dict) else None
        if isinstance(within, dict) and within.get(key) is not None:
            within[key] = change(within[key])
    return copy


def last_part(path: str) -> str:
    """The last part, of a path of whatever system."""
    return PureWindowsPath(PurePosixPath(path).name).name or path
