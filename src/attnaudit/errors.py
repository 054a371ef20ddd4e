"""Every exception the package raises on purpose, and nothing else.

AuditError
├── SpecError (ValueError)            the request is malformed (all faults at once, each with its place)
│   └── UnknownNameError              … names nothing; says the nearest
├── DataError (ValueError)            a corpus or an instance breaks its contract (file, line, field)
├── ModelError (RuntimeError)
│   ├── UnsupportedModelError         its attention cannot be seen or changed
│   └── AttentionError                weights are not a distribution over the allowed tokens
└── StoreError (OSError)              a run folder is missing, incomplete or altered
    └── SchemaError                   a table breaks its schema

A message says what must hold and what was found, and what to do. The command line prints it without a
traceback and exits with 2. The outcome of a computation is a `status` in a table, never an exception.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AuditError(Exception):
    """Anything that attnaudit refuses, with a message written for the person who asked."""


class SpecError(AuditError, ValueError):
    """The request is malformed. `faults` lists all that was found wrong, each with its place."""

    def __init__(self, *faults: str) -> None:
        self.faults = faults
        super().__init__(faults[0] if len(faults) == 1 else _numbered(faults))


class UnknownNameError(SpecError):
    """A name stands for nothing that is known here."""


class DataError(AuditError, ValueError):
    """A corpus, a file or an instance breaks its contract."""


class ModelError(AuditError, RuntimeError):
    """A model cannot be built, loaded or questioned."""


class UnsupportedModelError(ModelError):
    """The model's attention cannot be seen or replaced."""


class AttentionError(ModelError):
    """Attention weights are not a distribution over the allowed tokens."""


class StoreError(AuditError, OSError):
    """A run folder is missing, incomplete, altered, in use, or cannot be written."""


class SchemaError(StoreError):
    """A table does not have the columns, types or values that its schema promises."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that `name` is no known `kind`, which are the nearest names, and which exist at all.

    >>> unknown_name("encoder", "bilstn", ["bilstm", "cnn"])
    'unknown encoder `bilstn`: did you mean `bilstm`? Known: `bilstm`, `cnn`.'
    """
    known = list(known)
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
    hint = f": did you mean {' or '.join(f'`{n}`' for n in near)}?" if near else "."
    return f"unknown {kind} `{name}`{hint} Known: {', '.join(f'`{k}`' for k in known)}."


def _numbered(faults: tuple[str, ...]) -> str:
    lines = "\n".join(f"  {number}. {fault}" for number, fault in enumerate(faults, start=1))
    return f"{len(faults)} faults:\n{lines}"
