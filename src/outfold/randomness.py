"""Random numbers that belong to a row, not to a moment: the same whatever the order and the number of workers."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed from any parts; other parts give an unrelated seed."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def row_uniforms(seed: int, rows: NDArray[np.integer], draws: int) -> NDArray[np.float64]:
    """Numbers in [0, 1), ``draws`` for each row.

    SplitMix64 (Steele, Lea & Flood 2014) at the counter ``row * draws + draw`` of the stream that ``seed`` names.

    Args:
        rows: (n,) any non-negative numbers that name the rows.

    Returns:
        (n, draws) float64. Row i depends on ``seed``, ``rows[i]`` and ``draws`` alone.
    """
    first = np.asarray(rows, np.uint64)[:, None] * np.uint64(draws)
    counter = np.asarray(first + np.arange(1, draws + 1, dtype=np.uint64), np.uint64)
    with np.errstate(over="ignore"):
        z = np.asarray(np.uint64(seed) + counter * _GOLDEN, np.uint64)
        z = (z ^ (z >> np.uint64(30))) * _MIX_1
        z = (z ^ (z >> np.uint64(27))) * _MIX_2
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53
