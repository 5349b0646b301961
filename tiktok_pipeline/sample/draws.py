"""Random numbers that depend on the seed and on what they are for, not on how many others are drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK_CREATORS = 65_536


def generator(random_state: int, *purpose: int) -> np.random.Generator:
    """Return a generator for one purpose (a block, a snapshot), independent of the others of the same seed."""
    return np.random.default_rng([random_state, *purpose])


def mixed(number: NDArray[np.int64], salt: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Return a well-mixed non-negative number for each creator (the finalizer of SplitMix64)."""
    step = np.atleast_1d(salt).astype(np.uint64) * np.uint64(0x632BE59BD9B4E019)
    value = number.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + step
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    final: NDArray[np.uint64] = (value ^ (value >> np.uint64(31))) >> np.uint64(2)
    return final.astype(np.int64)
