"""How much memory what is computed in between may take: set once a run, read wherever work is cut into batches."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from attnaudit.errors import SpecError

DEFAULT = 2**30
"""Bytes. The process itself, with torch, a model and the tables of one part, takes some 400 MB besides."""

_limit: ContextVar[int] = ContextVar("memory limit", default=DEFAULT)
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_LEAST = 2**24


def limit() -> int:
    """Bytes that the results in between of one batch may take."""
    return _limit.get()


@contextmanager
def limited(size: int) -> Iterator[None]:
    """Within, `limit()` is the given number of bytes."""
    before = _limit.set(size)
    try:
        yield
    finally:
        _limit.reset(before)


def size_of(text: str) -> int:
    """Bytes, from a number with a unit: `800MB`, `2G`, `1.5 GiB` (K, M and G are powers of 1,024).

    Raises:
        SpecError: not such a number, or less than 16 MB.
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([KMG]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    size = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if size < _LEAST:
        raise SpecError(f"`memory` must be a size of 16MB or more, such as `800MB` or `2GB`, found `{text}`")
    return size


def keep_freed() -> None:
    """Have the C library keep freed memory for the next tensor, where it is glibc; for processes that are ours.

    Otherwise large blocks go back to the system each time and come again zeroed, page by page: a tenth of the time of
    training.
    """
    mmap_threshold, trim_threshold, top_pad = -3, -1, -2  # of <malloc.h>
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows
        return
    if not hasattr(library, "gnu_get_libc_version"):  # another C library
        return
    for option, value in ((mmap_threshold, 2**30), (trim_threshold, 2**30), (top_pad, 2**26)):
        library.mallopt(option, value)
