"""Which rows a phase and an epoch see: a share of them, or each class as often as the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from outfold.config.competition import Task
from outfold.folds.strata import strata_of

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
