"""The splits inside a fold's training part, made as the contest's own folds are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from outfold.config.folds import FoldKind
from outfold.contest import Contest
from outfold.data.reading.id_lookup import places_of
from outfold.errors import ConfigError
from outfold.folds import Folds, inner_split, make_folds
from outfold.folds.gap import Gap

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
        gap=contest.config.folds.gap,
    )
    return places_of(learn, ids), places_of(choose, ids)


def inner_folds(contest: Contest, ids: pd.Index, *, n: int, seed: int) -> list[Places]:
    """A cross-validation of these training rows: groups whole, earlier rows before later ones, else stratified.

    Where folds are split by time, the first stretch of rows is among none to choose by. With fewer than ``n`` groups or
    dates, or with a gap that would leave one nothing to learn from, there are fewer folds.

    Raises:
        DataError: one group or one date only, or two rows of which one is missing.
    """
    y, groups, dates = contest.truth(ids), contest.groups(ids), contest.dates(ids)
    grouped: FoldKind = "stratified_group" if y.ndim == 1 and y.dtype.kind != "f" else "group"
    folds = _cross_validation(contest, ids, n, seed, (_plain_kind(y), grouped), groups, dates, y)
    return [inner_places(contest, ids, fraction=1 / n, seed=seed)] if folds is None else _places(folds)


def blind_folds(contest: Contest, ids: pd.Index, *, n: int, seed: int) -> list[Places]:
    """A cross-validation of these training rows that does not look at their targets, so that no part depends on them.

    Groups are whole, earlier rows come before later ones, as in :func:`inner_folds`. With one group or one date there
    is none.
    """
    places = pd.RangeIndex(len(ids))  # quicker to check than ids
    columns = (contest.groups(ids), contest.dates(ids))
    groups, dates = (None if column is None else column.set_axis(places) for column in columns)
    folds = _cross_validation(contest, places, n, seed, ("kfold", "group"), groups, dates)
    return [] if folds is None else _places(folds)


def _cross_validation(
    contest: Contest,
    ids: pd.Index,
    n: int,
    seed: int,
    kinds: tuple[FoldKind, FoldKind],
    groups: pd.Series | None,
    dates: pd.Series | None,
    y: Any = None,
) -> Folds | None:
    """At most ``n`` folds, by time where the contest's folds are; None where two cannot be made.

    Args:
        kinds: of rows without groups, and with groups.
    """
    if dates is not None and _by_time(contest):
        return _time_series(ids, min(n, dates.nunique() - 1), dates, contest.config.folds.gap)
    kind, most = (kinds[0], len(ids)) if groups is None else (kinds[1], groups.nunique())
    return None if most < 2 else make_folds(ids, kind=kind, n=min(n, most), seed=seed, y=y, groups=groups)[0]


def _by_time(contest: Contest) -> bool:
    """Whether the competition's folds are split by ``folds.date``."""
    return contest.config.folds.kind in ("time_series", "holdout") or contest.config.folds.gap is not None


def _time_series(ids: pd.Index, n: int, dates: pd.Series | None, gap: Gap | None) -> Folds | None:
    """At most ``n`` folds by time, each with rows to learn from before the gap; None where two cannot be made."""
    while n >= 2:
        try:
            return make_folds(ids, kind="time_series", n=n, dates=dates, gap=gap)[0]
        except ConfigError:
            if gap is None:
                raise
            n -= 1
    return None


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
