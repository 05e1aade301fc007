"""From strata, groups and dates to fold numbers: one function a splitter, arrays in, array out."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.errors import ConfigError, DataError, quoted
from outfold.folds.table import NEVER_SCORED


def _filled(splitter: object, rows: int, *columns: np.ndarray) -> np.ndarray:
    """The fold of every row from a scikit-learn splitter."""
    fold = np.full(rows, NEVER_SCORED, dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # rare classes: we name them ourselves
        for number, (_, valid) in enumerate(splitter.split(np.empty((rows, 0)), *columns)):  # type: ignore[attr-defined]
            fold[valid] = number
    return fold


def kfold(rows: int, n: int, seed: int) -> np.ndarray:
    """Shuffled folds of equal size: scikit-learn's ``KFold(n, shuffle=True, random_state=seed)``."""
    from sklearn.model_selection import KFold

    return _filled(KFold(n, shuffle=True, random_state=seed), rows)


def stratified(strata: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Each stratum's rows over the folds within one row of equal.

    scikit-learn's ``StratifiedKFold(n, shuffle=True, random_state=seed)``, so that folds made elsewhere by that line
    match; where it refuses (every class has fewer than ``n`` rows) the shuffled classes are dealt out like cards.
    """
    from sklearn.model_selection import StratifiedKFold

    if np.bincount(strata).max() >= n:
        return _filled(StratifiedKFold(n, shuffle=True, random_state=seed), len(strata), strata)
    order = np.random.default_rng(seed).permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    fold = np.empty(len(strata), dtype=np.int64)
    fold[order] = np.arange(len(strata)) % n
    return fold


def multilabel_stratified(labels: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Each label's rows spread over the folds: iterative stratification (Sechidis et al., 2011).

    Where so few rows are left that it would leave a fold empty, plain shuffled folds.
    """
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

    if labels.ndim == 1:
        return stratified(labels.astype(np.int64), n, seed)
    fold = _filled(MultilabelStratifiedKFold(n_splits=n, shuffle=True, random_state=seed), len(labels), labels)
    return fold if _no_fold_empty(fold, n) else kfold(len(labels), n, seed)


def grouped(groups: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Whole groups into the fold that is lightest so far, large groups first.

    scikit-learn's GroupKFold gives the same folds for every seed, or with ``shuffle`` forgets the groups' sizes; here
    the order by size is jittered by the seed, which keeps the folds balanced and lets repeats differ.
    """
    rng = np.random.default_rng(seed)
    sizes = np.bincount(groups)
    order = np.argsort(-sizes * rng.uniform(0.8, 1.25, len(sizes)), kind="stable")
    load = np.zeros(n)
    ties = rng.permutation(n)
    fold_of_group = np.empty(len(sizes), dtype=np.int64)
    for group in order:
        lightest = ties[np.argmin(load[ties])]
        fold_of_group[group] = lightest
        load[lightest] += sizes[group]
    return fold_of_group[groups]


def stratified_grouped(strata: np.ndarray, groups: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Whole groups, classes balanced as well as they allow: scikit-learn's ``StratifiedGroupKFold``.

    Where it refuses (every class has fewer than ``n`` rows) or would leave a fold empty, balanced by size alone.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    if np.bincount(strata).max() >= n:
        fold = _filled(StratifiedGroupKFold(n, shuffle=True, random_state=seed), len(strata), strata, groups)
        if _no_fold_empty(fold, n):
            return fold
    return grouped(groups, n, seed)


def _no_fold_empty(fold: np.ndarray, n: int) -> bool:
    return len(np.unique(fold)) == n


def time_chunks(instants: np.ndarray, n: int) -> np.ndarray:
    """``n + 1`` successive chunks of about equal size, equal dates together; the first is never scored.

    Raises:
        ConfigError: fewer than ``n + 1`` distinct dates.
    """
    upto = np.cumsum(np.bincount(instants))
    if len(upto) < n + 1:
        raise ConfigError(
            f"folds.n: {n} time-series folds need {n + 1} distinct dates, there are {len(upto)}",
            remedy=f"Set folds.n to at most {len(upto) - 1}." if len(upto) > 2 else "Use another kind of folds.",
        )
    last = -1  # the last date of the chunk before
    fold_of_date = np.full(len(upto), n - 1, dtype=np.int64)
    for chunk in range(n):
        ends = np.arange(last + 1, len(upto) - (n - chunk))  # leaves a date for each chunk that is still to come
        end = int(ends[np.argmin(np.abs(upto[ends] - len(instants) * (chunk + 1) / (n + 1)))])
        fold_of_date[last + 1 : end + 1] = chunk - 1
        last = end
    return fold_of_date[instants]


def by_column(column: pd.Series) -> tuple[np.ndarray, int]:
    """Folds that somebody else made: the sorted distinct values become 0..n-1; negative or missing is never scored.

    Returns:
        the fold of every row, and n.

    Raises:
        DataError: no row has a fold, all rows have the same one, or values that cannot be sorted.
    """
    scored = column.notna()
    if pd.api.types.is_numeric_dtype(column):
        scored &= (column >= 0).fillna(False).astype(bool)
    try:
        values = sorted(column[scored].unique())
    except TypeError as error:
        raise DataError("folds.column: text and numbers are mixed", remedy="Write all folds as numbers.") from error
    if not values or (len(values) == 1 and scored.all()):
        raise DataError(
            f"folds.column: {'no row has a fold' if not values else 'all rows have the same fold'}",
            remedy="The column needs two values at least, or one and rows that are never scored (negative or empty).",
        )
    number = {value: fold for fold, value in enumerate(values)}
    fold = [number[value] if known else NEVER_SCORED for value, known in zip(column, scored, strict=True)]
    return np.array(fold, dtype=np.int64), len(values)


def latest_spans(moments: pd.Series, span: str | float, n: int) -> NDArray[np.int64]:
    """The fold of each row: ``n`` stretches of equal length, the last of which ends with the latest row; (n,).

    A stretch is open at its beginning: of daily rows ``7D`` are seven days. Rows before the first are never scored.

    Args:
        moments: dates, or numbers that count time; none missing.
        span: the length of a stretch: ``48D`` for dates, a number for numbers.

    Raises:
        ConfigError: a length of the other sort, a stretch without a row, or no row before the first.
    """
    dates = pd.api.types.is_datetime64_any_dtype(moments)
    if isinstance(span, str) != dates:
        held, wanted = ("dates", "a length of time such as 48D") if dates else ("numbers", "a number")
        raise ConfigError(f"folds.span: {quoted(span)}: the column of folds.date holds {held}; expected {wanted}")
    length = pd.Timedelta(span) if isinstance(span, str) else span
    latest = moments.max()
    fold = np.full(len(moments), NEVER_SCORED, dtype=np.int64)
    for number in range(n):
        begins = latest - length * (n - number)
        fold[(moments > begins).to_numpy()] = number
    empty = [number for number in range(n) if not (fold == number).any()]
    if empty:
        raise ConfigError(f"folds.span: no row lies within stretch {empty[0] + 1} of {n} ({span} each)")
    if (fold >= 0).all():
        raise ConfigError(
            f"folds.span: no row is left to learn from before {n} stretches of {span}: the first is of {moments.min()}",
            remedy="Use a shorter span, or fewer folds.",
        )
    return fold
