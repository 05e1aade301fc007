"""The order in which rows are seen: from a seed, never from what came before."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def even_batches(rows: NDArray[np.int64], batch_size: int) -> list[NDArray[np.int64]]:
    """Split rows into batches of at most ``batch_size`` whose sizes differ by one at most.

    No row is dropped, and no tiny last batch is left for BatchNorm to take its statistics from.
    """
    if not len(rows):
        return []
    return np.array_split(rows, -(-len(rows) // batch_size))


def epoch_steps(rows: NDArray[np.int64], batch_size: int, accumulate: int, seed: int) -> list[list[NDArray[np.int64]]]:
    """One epoch, shuffled: a list of optimizer steps, each a list of up to ``accumulate`` batches of rows."""
    shuffled = np.random.Generator(np.random.Philox(seed)).permutation(rows)
    batches = even_batches(shuffled, batch_size)
    return [batches[i : i + accumulate] for i in range(0, len(batches), accumulate)]


def steps_per_epoch(rows: int, batch_size: int, accumulate: int) -> int:
    """Optimizer steps of an epoch: batches are counted after accumulation."""
    batches = math.ceil(rows / batch_size)
    return math.ceil(batches / accumulate)
