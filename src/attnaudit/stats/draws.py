"""Random draws that are tied to an instance."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable

import numpy as np


def generator(seed: int, instance_id: str, purpose: str) -> np.random.Generator:
    """Draws that depend on seed, instance and purpose alone: the same in any batch, order or resumed run."""
    entropy = hashlib.sha256(f"{seed}\x00{instance_id}\x00{purpose}".encode()).digest()
    return np.random.default_rng(np.frombuffer(entropy, dtype=np.uint32))


def sample(ids: Iterable[str], count: int, *, seed: int, purpose: str) -> frozenset[str]:
    """`count` of the ids, or all where there are no more; each has its own lot, so their order does not matter."""
    return frozenset(heapq.nsmallest(count, ids, key=lambda name: generator(seed, name, purpose).random()))
