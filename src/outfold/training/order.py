"""The order in which rows are seen: from a seed, never from what came before."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Kinds = NDArray[np.int64] | None
"""A number for each row there is: rows of one kind fit into a batch, neighbouring kinds nearly do; None: all do."""


def even_batches(rows: NDArray[np.int64], batch_size: int, kinds: Kinds = None) -> list[NDArray[np.int64]]:
    """Split rows into batches of at most ``batch_size`` whose sizes differ by one at most.

    No row is dropped, and no tiny last batch is left for BatchNorm to take its statistics from. With kinds, the rows
    are in their order first: a batch has rows of one, or, where it lies across a border, of neighbouring ones.
    """
    if not len(rows):
        return []
    if kinds is not None:
        rows = rows[np.argsort(kinds[rows], kind="stable")]
    return np.array_split(rows, -(-len(rows) // batch_size))


def pure_batches(
    rows: NDArray[np.int64], batch_size: int, kinds: Kinds = None
) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Batches of one kind each, so that what is predicted of a row does not depend on which others there are.

    Returns:
        the batches, and where in them, taken together, each of ``rows`` is: ``values[places]`` brings what was computed
        batch after batch into the order of ``rows``.
    """
    places = np.arange(len(rows))
    if kinds is None:
        return even_batches(rows, batch_size), places
    own = kinds[rows]
    order = [batch for kind in np.unique(own) for batch in even_batches(places[own == kind], batch_size)]
    return [rows[batch] for batch in order], np.argsort(np.concatenate([places[:0], *order]), kind="stable")


def epoch_steps(
    rows: NDArray[np.int64], batch_size: int, accumulate: int, seed: int, kinds: Kinds = None
) -> list[list[NDArray[np.int64]]]:
    """One epoch, shuffled: a list of optimizer steps, each a list of up to ``accumulate`` batches of rows.

    With kinds, rows are shuffled within each, cut into batches as :func:`even_batches` does, and these are shuffled:
    there are as many steps as without.
    """
    random = np.random.Generator(np.random.Philox(seed))
    batches = even_batches(random.permutation(rows), batch_size, kinds)
    if kinds is not None:
        batches = [batches[number] for number in random.permutation(len(batches))]
    return [batches[i : i + accumulate] for i in range(0, len(batches), accumulate)]


def steps_per_epoch(rows: int, batch_size: int, accumulate: int) -> int:
    """Optimizer steps of an epoch: batches are counted after accumulation."""
    batches = math.ceil(rows / batch_size)
    return math.ceil(batches / accumulate)
