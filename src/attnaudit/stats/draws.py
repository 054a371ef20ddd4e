"""Random draws that are tied to an instance."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, instance_id: str, purpose: str) -> np.random.Generator:
    """Draws that depend on seed, instance and purpose alone: the same in any batch, order or resumed run."""
    entropy = hashlib.sha256(f"{seed}\x00{instance_id}\x00{purpose}".encode()).digest()
    return np.random.default_rng(np.frombuffer(entropy, dtype=np.uint32))
