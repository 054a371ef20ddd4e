"""Instances in a temporary file: what a corpus keeps in memory does not grow with its texts.

Values that the package made, for this process alone: the file has no name and goes with the last sequence that
reads it. Where it lies is decided by the environment variable TMPDIR.
"""

from __future__ import annotations

import json
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import overload

import numpy as np
from jaxtyping import Int

from attnaudit.errors import DataError
from attnaudit.instance import Instance, Span

_UNKNOWN = -1  # as a target in an array


class OnDisk(Sequence[Instance]):
    """The given instances, read anew whenever one is asked for; 24 bytes of each are in memory.

    A slice is a tuple. Equal to every sequence of equal instances. Not for several threads at a time.

    Raises:
        DataError: the temporary file cannot be written, for instance because its device is full.
    """

    def __init__(self, instances: Iterable[Instance]) -> None:
        lines, targets = _Lines(), array("q")
        for instance in instances:
            lines.append(_written(instance))
            targets.append(_UNKNOWN if instance.target is None else instance.target)
        lines.end()
        self._lines = lines
        self._rows: Int[np.ndarray, " instance"] = np.arange(len(targets))
        self._targets: Int[np.ndarray, " instance"] = np.array(targets, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Instance: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Instance, ...]: ...
    def __getitem__(self, place: int | slice) -> Instance | tuple[Instance, ...]:
        if isinstance(place, slice):
            return tuple(self[i] for i in range(*place.indices(len(self))))
        return _read(self._lines[int(self._rows[place])], self._target(place))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as for a list: equality is by content

    def targets(self) -> list[int | None]:
        """The target of each instance; nothing is read."""
        return [self._target(place) for place in range(len(self))]

    def picked(self, places: Sequence[int] | np.ndarray) -> OnDisk:
        """The instances at these places, in this order; nothing is copied but the places."""
        chosen = np.asarray(places, dtype=np.int64)
        return self._seen(self._rows[chosen], self._targets[chosen])

    def retargeted(self, targets: Sequence[int]) -> OnDisk:
        """The same instances with target `targets[t]` for target t, where that is known."""
        there = self._targets != _UNKNOWN
        changed = self._targets.copy()
        changed[there] = np.asarray(targets, dtype=np.int64)[self._targets[there]]
        return self._seen(self._rows, changed)

    def _seen(self, rows: np.ndarray, targets: np.ndarray) -> OnDisk:
        made = OnDisk.__new__(OnDisk)
        made._lines, made._rows, made._targets = self._lines, rows, targets
        return made

    def _target(self, place: int) -> int | None:
        target = int(self._targets[place])
        return None if target == _UNKNOWN else target


class _Lines:
    """A file without a name, and where each of its lines begins."""

    def __init__(self) -> None:
        with _said_where():
            self._file = tempfile.TemporaryFile(buffering=1 << 16)  # noqa: SIM115  # closed with its owner
        self._starts = array("Q", [0])
        weakref.finalize(self, self._file.close)

    def append(self, line: bytes) -> None:
        with _said_where():
            self._file.write(line)
        self._starts.append(self._starts[-1] + len(line))

    def end(self) -> None:
        """Bring everything to the file, so that a full device is noticed here."""
        with _said_where():
            self._file.flush()

    def __getitem__(self, number: int) -> bytes:
        start, end = self._starts[number], self._starts[number + 1]
        self._file.seek(start)
        return self._file.read(end - start)


def _written(instance: Instance) -> bytes:
    rationales = [[(s.field, s.start, s.end) for s in annotator] for annotator in instance.rationales]
    line = json.dumps([instance.id, dict(instance.fields), rationales], ensure_ascii=False)
    return f"{line}\n".encode("utf-8", "surrogatepass")


def _read(line: bytes, target: int | None) -> Instance:
    identity, fields, rationales = json.loads(line.decode("utf-8", "surrogatepass"))
    spans = tuple(tuple(Span(*span) for span in annotator) for annotator in rationales)
    return Instance(identity, fields, target, spans)


@contextmanager
def _said_where() -> Iterator[None]:
    """What the system says against a temporary file, with its place and what to do."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"the texts cannot be kept in a temporary file in {tempfile.gettempdir()}: "
            f"{error.strerror or error}. Make room there, or name another folder in the environment variable TMPDIR."
        ) from error
