"""The split inside a training part, by which a learner chooses its number of rounds without the fold's rows."""

from __future__ import annotations

from typing import Any

import pandas as pd

from outfold.config.folds import FoldKind
from outfold.errors import ConfigError
from outfold.folds import holdout as part
from outfold.folds.alignment import check_ids, codes_of, instants, known, moments
from outfold.folds.gap import Gap, check_left, purged_rows
from outfold.folds.strata import task_of, truth
from outfold.metrics import Task


def inner_split(
    ids: pd.Index,
    *,
    fraction: float,
    seed: int,
    kind: FoldKind,
    y: Any = None,
    task: Task | None = None,
    groups: pd.Series | None = None,
    dates: pd.Series | None = None,
    gap: Gap | None = None,
) -> tuple[pd.Index, pd.Index]:
    """Split a training part as its folds were split, so that what is chosen inside holds outside.

    Time series (and a holdout by date) set aside the latest rows; otherwise groups, where given, stay whole; otherwise
    rows are drawn, stratified by the target.

    Args:
        ids: the ids of the training part of one fold.
        fraction: the share to set aside, in (0, 1).
        seed: same ids and seed, same split.
        kind: the kind of the folds.
        y: the truth, a Series or DataFrame by id (more rows are fine) or an array in the order of ``ids``; None: not
            stratified.
        task: how to read ``y``; inferred where None.
        groups: a Series by id; no group ends up on both sides.
        dates: a Series by id; read for ``time_series`` and ``holdout``, and with a gap, as the folds do.
        gap: rows so near to the earliest row to choose by are on neither side; see :func:`make_folds`.

    Returns:
        (ids to learn from, ids to choose by), both in the order of ``ids``.

    Raises:
        ConfigError: fraction outside (0, 1), a time series without dates, or a gap that leaves nothing to learn from.
        DataError: missing groups, dates or targets, or nothing to split (one row, one group, one date).
    """
    if not 0 < fraction < 1:
        raise ConfigError(f"fraction: {fraction} is not between 0 and 1")
    check_ids(ids)
    if kind == "time_series" and dates is None:
        raise ConfigError(
            "folds.date: kind time_series needs a date column", remedy="Name it: folds: {date: <column>}."
        )
    if dates is not None and (kind in ("time_series", "holdout") or gap is not None):
        aside = part.latest(instants(dates, ids), fraction)
        if gap is not None:
            near = purged_rows(moments(dates, ids), ~aside, aside, gap)
            check_left(~aside, near, gap, "the split inside a training part")
            return ids[~aside & ~near], ids[aside]
    else:
        array = None if y is None else truth(y, ids)
        task = task or ("multiclass" if array is None else task_of(array))
        if groups is not None:
            column = known(groups, ids, "groups")
            aside = part.of_groups(codes_of(column), array, task, fraction, seed)
        else:
            aside = part.of_rows(len(ids), array, task, fraction, seed)
    return ids[~aside], ids[aside]
