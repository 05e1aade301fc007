"""Making the folds: check what the kind needs, split once a repeat, and say what to distrust."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pandas as pd

from outfold.config.folds import FoldKind
from outfold.errors import ConfigError, nearest, quoted
from outfold.folds import assign
from outfold.folds import holdout as part
from outfold.folds.alignment import by_id, check_ids, codes_of, instants, known, moments
from outfold.folds.assign import latest_spans
from outfold.folds.gap import Gap, check_left, purged_rows
from outfold.folds.strata import bins_for, quantile_bins, strata_of, task_of, truth
from outfold.folds.table import NEVER_SCORED, Folds
from outfold.folds.warnings import suspicions
from outfold.metrics import Task

GROUPED = ("group", "stratified_group")
STRATIFIED = ("stratified", "stratified_group", "multilabel_stratified", "stratified_regression")
FIXED = ("time_series", "column", "holdout")


def make_folds(
    ids: pd.Index,
    *,
    kind: FoldKind,
    n: int = 5,
    seed: int = 42,
    repeats: int = 1,
    y: Any = None,
    task: Task | None = None,
    groups: pd.Series | None = None,
    dates: pd.Series | None = None,
    column: pd.Series | None = None,
    fraction: float = 0.2,
    bins: int | None = None,
    span: str | float | None = None,
    gap: Gap | None = None,
    classes: Sequence[Any] | None = None,
) -> tuple[Folds, list[str]]:
    """Split the training rows.

    kfold, stratified and stratified_group are scikit-learn's, shuffled with ``seed``: the same rows in the same order
    give the folds that everybody gets from ``StratifiedKFold(5, shuffle=True, random_state=42)``.

    Args:
        ids: the ids of the training rows.
        kind: the splitter. ``column`` takes ``n`` from the column, ``holdout`` has one fold.
        n: folds a repeat.
        seed: of the shuffle; repeat r is shuffled by ``seed + r``.
        repeats: how often to split; 1 for time_series, column and holdout.
        y: the truth, a Series or DataFrame by id, or an array in the order of ``ids``.
        task: how to read ``y``; inferred where None.
        groups: by id; kept whole by group, stratified_group and holdout (without dates), else only warned about.
        dates: by id; for time_series, and for a holdout of the latest rows.
        column: by id; for kind column: the distinct values, sorted, become 0..n-1; negative or missing is never scored.
        fraction: the share of a holdout.
        bins: of stratified_regression; None: as many as keep ``n`` rows in each, at most 20.
        span: for time_series, and for a holdout by date: what a fold scores, as a length of time; otherwise equal
            stretches, or ``fraction``.
        gap: for folds by time, and for kind column with dates: training rows so near to a fold's scored rows train no
            model of it; whole numbers are rows, text a length of time, other numbers lengths of a column that counts.
        classes: the names that the codes in ``y`` stand for, for warnings.

    Returns:
        the folds, and warnings in plain words.

    Raises:
        ConfigError: n, repeats, fraction or bins out of range, or something missing that the kind needs.
        DataError: ids that are not unique, values missing, naming the rows.
    """
    check_ids(ids)
    array = None if y is None else truth(y, ids)
    if kind == "stratified_regression" and task is None:
        task = "regression"
    task = task or ("multiclass" if array is None else task_of(array))
    _check(len(ids), kind, n, seed, repeats, array, task, groups, dates, column, fraction, bins)
    if span is not None and (kind not in ("time_series", "holdout") or dates is None):
        raise ConfigError(
            f"folds.span: a length of time has no meaning for kind {kind}{' without folds.date' * (kind == 'holdout')}",
            remedy="Use it with folds.date, and kind: time_series or kind: holdout.",
        )
    if kind == "column":
        assert column is not None
        fold, n = assign.by_column(pd.Series(by_id(column, ids, "folds.column")))
        made = [fold]
    elif span is not None:
        assert dates is not None
        n = 1 if kind == "holdout" else n
        made = [latest_spans(moments(dates, ids), span, n)]
    elif kind == "time_series":
        assert dates is not None
        made = [assign.time_chunks(instants(dates, ids), n)]
    elif kind == "holdout":
        n = 1
        made = [_holdout(ids, array, task, groups, dates, fraction, seed)]
    else:
        made = [_shuffled(ids, kind, n, seed + repeat, array, task, groups, bins) for repeat in range(repeats)]
    numbered = [np.where(fold < 0, NEVER_SCORED, fold + repeat * n) for repeat, fold in enumerate(made)]
    frame = pd.DataFrame({"id": ids.append([ids] * (repeats - 1)), "fold": np.concatenate(numbered).astype(np.int64)})
    folds = Folds(frame, kind, n, repeats)
    if gap is not None:
        folds = _with_gap(folds, ids, dates, gap)
    ignored = None if kind in GROUPED or (kind == "holdout" and dates is None) else groups
    found = suspicions(folds, ids, array, task, ignored, classes)
    if kind == "stratified_regression" and bins is not None and bins * n > len(ids):
        found.append(f"folds.bins: {bins} bins of {len(ids)} rows hold fewer than the {n} folds each.")
    return folds, found


def _with_gap(folds: Folds, ids: pd.Index, dates: pd.Series | None, gap: Gap) -> Folds:
    """The same folds, without training rows within the gap around each fold's scored rows."""
    if dates is None or folds.kind not in ("time_series", "holdout", "column"):
        raise ConfigError(
            f"folds.gap: has no meaning for kind {folds.kind}{' without folds.date' * (dates is None)}",
            remedy="Use it with folds.date, and kind: time_series, holdout or column.",
        )
    times = moments(dates, ids)
    purged = np.zeros((len(ids), folds.n), dtype=bool)
    for fold in folds.numbers():
        train = folds.train_mask(fold)
        purged[:, fold] = purged_rows(times, train, folds.valid_mask(fold), gap)
        check_left(train, purged[:, fold], gap, f"fold {fold}")
    return replace(folds, purged=purged)


def _shuffled(
    ids: pd.Index,
    kind: FoldKind,
    n: int,
    seed: int,
    y: np.ndarray | None,
    task: Task,
    groups: pd.Series | None,
    bins: int | None,
) -> np.ndarray:
    rows = len(ids)
    if kind == "kfold":
        return assign.kfold(rows, n, seed)
    if kind in GROUPED:
        assert groups is not None
        group = codes_of(known(groups, ids, "groups"))
        if group.max() + 1 < n:
            raise ConfigError(
                f"folds.n: {n} folds need {n} groups, there are {group.max() + 1}", remedy="Use fewer folds."
            )
        if kind == "group":
            return assign.grouped(group, n, seed)
        assert y is not None
        return assign.stratified_grouped(strata_of(y, task, n), group, n, seed)
    assert y is not None
    if kind == "multilabel_stratified":
        return assign.multilabel_stratified(y, n, seed)
    if kind == "stratified_regression":
        return assign.stratified(quantile_bins(y, bins or bins_for(rows, n)), n, seed)
    return assign.stratified(strata_of(y, task, n), n, seed)


def _holdout(
    ids: pd.Index,
    y: np.ndarray | None,
    task: Task,
    groups: pd.Series | None,
    dates: pd.Series | None,
    fraction: float,
    seed: int,
) -> np.ndarray:
    if dates is not None:
        aside = part.latest(instants(dates, ids), fraction)
    elif groups is not None:
        group = codes_of(known(groups, ids, "groups"))
        aside = part.of_groups(group, y, task, fraction, seed)
    else:
        aside = part.of_rows(len(ids), y, task, fraction, seed)
    return np.where(aside, 0, NEVER_SCORED)


def _check(
    rows: int,
    kind: FoldKind,
    n: int,
    seed: int,
    repeats: int,
    y: np.ndarray | None,
    task: Task,
    groups: pd.Series | None,
    dates: pd.Series | None,
    column: pd.Series | None,
    fraction: float,
    bins: int | None,
) -> None:
    """ConfigError for settings that contradict each other, or the data's size."""
    if kind not in get_args(FoldKind):
        raise ConfigError(
            f"folds.kind: {quoted(kind)} is not one of {', '.join(get_args(FoldKind))}",
            remedy=nearest(kind, get_args(FoldKind)),
        )
    if kind not in ("column", "holdout"):
        if n < 2:
            raise ConfigError(f"folds.n: {n} folds; at least 2 are needed", remedy="For one split, use kind: holdout.")
        if n > rows:
            raise ConfigError(f"folds.n: {n} folds for {rows} training rows", remedy="Use fewer folds.")
    if repeats < 1:
        raise ConfigError(f"folds.repeats: {repeats}; at least 1 is needed")
    if repeats > 1 and kind in FIXED:
        raise ConfigError(f"folds.repeats: folds of kind {kind} cannot be repeated", remedy="Set folds.repeats to 1.")
    if not 0 <= seed <= 2**32 - 1 - repeats:
        raise ConfigError(f"folds.seed: {seed} is not a whole number from 0 to 4294967295")
    if not 0 < fraction < 1:
        raise ConfigError(f"folds.fraction: {fraction} is not between 0 and 1")
    if bins is not None and bins < 2:
        raise ConfigError(f"folds.bins: {bins}; at least 2 are needed")
    if kind in GROUPED and groups is None:
        raise ConfigError(
            f"folds.group: kind {kind} needs a group column", remedy="Name it: columns: {group: <column>}."
        )
    if kind == "time_series" and dates is None:
        raise ConfigError(
            "folds.date: kind time_series needs a date column", remedy="Name it: folds: {date: <column>}."
        )
    if kind == "column" and column is None:
        raise ConfigError("folds.column: kind column needs a column", remedy="Name it: folds: {column: <column>}.")
    if kind in STRATIFIED:
        _check_task(kind, y, task)


def _check_task(kind: FoldKind, y: np.ndarray | None, task: Task) -> None:
    """ConfigError where the target is not of the sort that ``kind`` stratifies on."""
    if y is None:
        raise ConfigError(f"folds.kind: {kind} needs the target", remedy="Use kfold or group.")
    instead = {
        "stratified": {"multilabel": "multilabel_stratified", "regression": "stratified_regression"},
        "stratified_group": {"multilabel": "group"},
        "multilabel_stratified": {
            "binary": "stratified",
            "multiclass": "stratified",
            "ordinal": "stratified",
            "regression": "stratified_regression",
        },
        "stratified_regression": {
            "binary": "stratified",
            "multiclass": "stratified",
            "ordinal": "stratified",
            "multilabel": "multilabel_stratified",
        },
    }[kind].get(task)
    if instead is not None:
        raise ConfigError(f"folds.kind: {kind} does not fit a {task} target", remedy=f"Use kind: {instead}.")
