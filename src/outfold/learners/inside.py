"""The splits inside a fold's training part, made as the contest's own folds are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from outfold.config.competition import FoldKind
from outfold.contest import Contest
from outfold.data.reading.look_up import places_of
from outfold.folds import Folds, inner_split, make_folds

Places = tuple[np.ndarray, np.ndarray]
"""Places among the ids of the rows to learn from, and of those to choose by."""


def inner_places(contest: Contest, ids: pd.Index, *, fraction: float, seed: int) -> Places:
    """One split of these training rows: groups whole, the latest rows to choose by where folds are split by time."""
    learn, choose = inner_split(
        ids,
        fraction=fraction,
        seed=seed,
        kind=contest.config.folds.kind or "kfold",
        y=contest.truth(ids),
        task=contest.task,
        groups=contest.groups(ids),
        dates=contest.dates(ids),
    )
    return places_of(learn, ids), places_of(choose, ids)


def inner_folds(contest: Contest, ids: pd.Index, *, n: int, seed: int) -> list[Places]:
    """A cross-validation of these training rows: groups whole, earlier rows before later ones, else stratified.

    Where folds are split by time, the first stretch of rows is among none to choose by. With fewer than ``n`` groups or
    dates there are fewer folds.

    Raises:
        DataError: one group or one date only, or two rows of which one is missing.
    """
    y, groups, dates = contest.truth(ids), contest.groups(ids), contest.dates(ids)
    by_class = y.ndim == 1 and y.dtype.kind != "f"
    most: int = len(ids)
    kind: FoldKind = _plain_kind(y)
    if dates is not None and contest.config.folds.kind in ("time_series", "holdout"):
        most, kind = dates.nunique() - 1, "time_series"
    elif groups is not None:
        most, kind = groups.nunique(), "stratified_group" if by_class else "group"
    if most < 2:
        return [inner_places(contest, ids, fraction=1 / n, seed=seed)]
    folds, _ = make_folds(ids, kind=kind, n=min(n, most), seed=seed, y=y, groups=groups, dates=dates)
    return _places(folds)


def blind_folds(contest: Contest, ids: pd.Index, *, n: int, seed: int) -> list[Places]:
    """A cross-validation of these training rows that does not look at their targets, so that no part depends on them.

    Groups are whole, earlier rows come before later ones, as in :func:`inner_folds`. With one group or one date there
    is none.
    """
    groups, dates = contest.groups(ids), contest.dates(ids)
    most: int = len(ids)
    kind: FoldKind = "kfold"
    if dates is not None and contest.config.folds.kind in ("time_series", "holdout"):
        most, kind = dates.nunique() - 1, "time_series"
    elif groups is not None:
        most, kind = groups.nunique(), "group"
    if most < 2:
        return []
    places = pd.RangeIndex(len(ids))  # quicker to check than ids
    groups, dates = (None if one is None else one.set_axis(places) for one in (groups, dates))
    folds, _ = make_folds(places, kind=kind, n=min(n, most), seed=seed, groups=groups, dates=dates)
    return _places(folds)


def _places(folds: Folds) -> list[Places]:
    """Of folds that are made once, in the order of their rows."""
    return [
        (np.flatnonzero(folds.train_mask(number)), np.flatnonzero(folds.valid_mask(number)))
        for number in folds.numbers()
    ]


def _plain_kind(y: np.ndarray) -> FoldKind:
    if y.dtype.kind == "f":
        return "kfold"
    return "multilabel_stratified" if y.ndim == 2 else "stratified"
