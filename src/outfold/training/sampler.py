"""The order in which rows are seen: from a seed, never from what came before."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from outfold.config.competition import Task
from outfold.folds.strata import strata_of

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


_LEAST = 5
"""A number's bins have at least so many rows."""


def strata(y: NDArray, task: Task) -> NDArray[np.int64]:
    """Codes (n,) to stratify rows on: classes, sets of tags, or bins of a number."""
    if task == "multilabel":
        return np.unique(np.asarray(y), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return strata_of(np.asarray(y), task, _LEAST)


def share_count(rows: int, share: float) -> int:
    """How many of ``rows`` a share of them is: at least one."""
    return max(round(rows * share), 1)


def share_of_rows(rows: NDArray[np.int64], strata: NDArray[np.int64], share: float, seed: int) -> NDArray[np.int64]:
    """A share of the rows, in their order, with each stratum's share of it to within a row or so.

    The rows of a smaller share are among those of a larger one with the same seed.

    Args:
        strata: (n,) codes of the rows.
    """
    if share >= 1:
        return rows
    random = np.random.Generator(np.random.Philox(seed))
    shuffled = random.permutation(len(rows))
    place = np.empty(len(rows))
    for code in np.unique(strata):
        mine = shuffled[strata[shuffled] == code]
        # evenly in (0, 1): the rows below any share are that share of the stratum
        place[mine] = (np.arange(len(mine)) + random.random()) / len(mine)
    return rows[np.sort(np.argsort(place, kind="stable")[: share_count(len(rows), share)])]


def balanced_rows(rows: NDArray[np.int64], classes: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """As many rows as there are, each class as often as the others to within one.

    Within a class no row is drawn again before all of them were.

    Args:
        classes: (n,) of the rows.
    """
    random = np.random.Generator(np.random.Philox(seed))
    codes = random.permutation(np.unique(classes))
    each, more = divmod(len(rows), len(codes))
    drawn = []
    for number, code in enumerate(codes):
        mine, count = rows[classes == code], each + (number < more)
        drawn += [random.permutation(mine) for _ in range(count // len(mine))]
        drawn.append(random.permutation(mine)[: count % len(mine)])
    return np.concatenate(drawn)


def names_of(batches: Sequence[NDArray[np.int64]], rows: int) -> list[NDArray[np.int64]]:
    """A name for each row of an epoch, by which what is random about it is drawn: its own number at first sight.

    A row that is seen again has another name, so that it is augmented in another way.

    Args:
        rows: how many rows there are.
    """
    seen = np.concatenate([*batches, np.empty(0, np.int64)])
    order = np.argsort(seen, kind="stable")
    grouped = seen[order]
    first = np.searchsorted(grouped, grouped)
    times = np.empty(len(seen), np.int64)
    times[order] = np.arange(len(seen)) - first
    return np.split(seen + rows * times, np.cumsum([len(batch) for batch in batches])[:-1])
