"""One part of the rows set aside: the holdout, and the inner split of a training part."""

from __future__ import annotations

import warnings

import numpy as np

from outfold.errors import DataError
from outfold.folds.strata import strata_of
from outfold.metrics import Task

DRAWS = 50


def wanted(rows: int, fraction: float) -> int:
    """How many of ``rows`` to set aside: at least one, and one is left.

    Raises:
        DataError: fewer than two rows.
    """
    if rows < 2:
        raise DataError(f"{rows} training rows cannot be split in two", remedy="Add rows, or use fewer folds.")
    return min(max(round(rows * fraction), 1), rows - 1)


def latest(instants: np.ndarray, fraction: float) -> np.ndarray:
    """A mask of the latest rows, about ``fraction`` of them; equal dates stay together.

    Raises:
        DataError: all rows have the same date.
    """
    count = np.bincount(instants)
    if len(count) < 2:
        raise DataError("dates: all rows have the same one, so none is later", remedy="Split by something else.")
    from_here_on = np.cumsum(count[::-1])[::-1]
    first = 1 + int(np.argmin(np.abs(from_here_on[1:] - wanted(len(instants), fraction))))
    return instants >= first


def of_groups(groups: np.ndarray, y: np.ndarray | None, task: Task, fraction: float, seed: int) -> np.ndarray:
    """A mask of whole groups, about ``fraction`` of the rows: of 50 random draws the nearest in size and classes.

    Raises:
        DataError: there is only one group.
    """
    sizes = np.bincount(groups)
    if len(sizes) < 2:
        raise DataError("groups: all rows are in one, which cannot be split", remedy="Split by something else.")
    labels = y if y is not None and y.ndim == 2 and task == "multilabel" else None
    strata = strata_of(y, task, 2) if y is not None and labels is None else np.zeros(len(groups), dtype=np.int64)
    target = wanted(len(groups), fraction)
    best, least = np.zeros(len(groups), dtype=bool), np.inf
    for draw in range(DRAWS):
        order = np.random.default_rng((seed, draw)).permutation(len(sizes))
        take = 1 + int(np.argmin(np.abs(np.cumsum(sizes[order])[:-1] - target)))
        chosen = np.zeros(len(sizes), dtype=bool)
        chosen[order[:take]] = True
        mask = chosen[groups]
        if labels is None:
            have, whole = np.bincount(strata[mask], minlength=int(strata.max()) + 1), np.bincount(strata)
        else:
            have, whole = labels[mask].sum(axis=0), labels.sum(axis=0)
        distance = float(np.abs(have - whole * fraction).sum()) + abs(int(mask.sum()) - target)
        if distance < least:
            best, least = mask, distance
    return best


def of_rows(rows: int, y: np.ndarray | None, task: Task, fraction: float, seed: int) -> np.ndarray:
    """A mask of about ``fraction`` of the rows, stratified by class, by quantile, or by labels.

    A class of which all rows would be set aside keeps one behind, so that a model can learn it.
    """
    count = wanted(rows, fraction)
    rng = np.random.default_rng(seed)
    if y is not None and y.ndim == 2 and task == "multilabel":
        mask = _of_labels(y, count, seed)
        if mask.any() and not mask.all():
            return mask
    elif y is not None:
        strata = strata_of(y, task, 2)
        mask = _every_so_often(strata, count, rng)
        if mask.any():
            return mask
    mask = np.zeros(rows, dtype=bool)
    mask[rng.permutation(rows)[:count]] = True
    return mask


def _every_so_often(strata: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` rows at equal steps through the rows sorted by stratum: each stratum's share within one row."""
    rows = len(strata)
    order = rng.permutation(rows)
    order = order[np.argsort(strata[order], kind="stable")]
    steps = np.floor((np.arange(rows + 1) * count) / rows + rng.uniform())
    mask = np.zeros(rows, dtype=bool)
    mask[order[np.diff(steps) > 0]] = True
    left_behind = np.bincount(strata[~mask], minlength=int(strata.max()) + 1)
    for stratum in np.flatnonzero(left_behind == 0):
        mask[rng.choice(np.flatnonzero(strata == stratum))] = False
        commonest = int(left_behind.argmax())
        if left_behind[commonest] > 1:
            mask[rng.choice(np.flatnonzero((strata == commonest) & ~mask))] = True
            left_behind[commonest] -= 1
    return mask


def _of_labels(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit

    splitter = MultilabelStratifiedShuffleSplit(n_splits=1, test_size=count / len(labels), random_state=seed)
    mask = np.zeros(len(labels), dtype=bool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        mask[next(splitter.split(labels, labels))[1]] = True
    return mask
