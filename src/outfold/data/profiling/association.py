"""How strongly a column goes with the target, by ranks: no scale and no outlier matters."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Kind = Literal["classes", "numbers"]
Array = NDArray[np.float64]

FEWEST, BINS = 10, 20
"""Fewer rows of a class say nothing; beside more than two classes, numbers are taken by so many quantiles."""


class Relation(NamedTuple):
    """How strongly two columns go together.

    Attributes:
        strength: 0 not at all, 1 one tells the other.
        z: how many standard deviations from nothing, as if rows were drawn at random.
    """

    strength: float
    z: float


NOTHING = Relation(0.0, 0.0)


def of_numbers(values: Array, y: NDArray[np.generic], kind: Kind) -> Relation:
    """Of a column of numbers and a target, over the rows where it is present.

    Numbers: |Spearman's rho|. Two classes: |2 AUC - 1|. More: Cramer's V of quantile bins.

    Args:
        values: (n,), NaN where missing.
        y: (n,) codes of classes, or numbers.
    """
    there = np.isfinite(values)
    values, y = values[there], np.asarray(y)[there]
    if len(values) < 2 * FEWEST or np.ptp(values) == 0:
        return NOTHING
    ranks = _ranks(values)
    if kind == "numbers":
        rho = _correlation(ranks, _ranks(np.asarray(y, dtype=np.float64)))
        return Relation(abs(rho), abs(rho) * float(np.sqrt(len(ranks) - 1)))
    classes = np.unique(y)
    if len(classes) > 2:
        return of_categories(pd.Series(np.floor((ranks - 1) / len(ranks) * BINS)), y, kind)
    return _auc(ranks, y == classes[-1])


def of_categories(values: pd.Series, y: NDArray[np.generic], kind: Kind) -> Relation:
    """Of a column of categories and a target; a missing value is a category of its own.

    Classes: Cramer's V without its bias (Bergsma 2013). Numbers: the correlation ratio of the target's ranks, without
    its bias (epsilon squared, Kelley 1935).
    """
    codes, names = pd.factorize(values, use_na_sentinel=False)
    n, groups = len(codes), len(names)
    if groups < 2 or n <= groups + 1:
        return NOTHING
    if kind == "numbers":
        ranks = _ranks(np.asarray(y, dtype=np.float64))
        spread = float(np.var(ranks))
        sizes = np.bincount(codes)
        means = np.bincount(codes, ranks) / sizes
        share = float((sizes * np.square(means - ranks.mean())).sum()) / (n * spread) if spread else 0.0
        strength = float(np.sqrt(max(0.0, 1 - (1 - share) * (n - 1) / (n - groups))))
        return Relation(strength, strength * float(np.sqrt(n - 1)))
    classes, labels = pd.factorize(np.asarray(y))
    if len(labels) < 2:
        return NOTHING
    counts = np.bincount(codes * len(labels) + classes, minlength=groups * len(labels)).reshape(groups, -1)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / n
    phi = float((np.square(counts - expected) / expected).sum()) / n
    unbiased = max(0.0, phi - (groups - 1) * (len(labels) - 1) / (n - 1))
    rows, columns = (size - (size - 1) ** 2 / (n - 1) for size in (groups, len(labels)))
    strength = float(np.sqrt(unbiased / max(min(rows, columns) - 1, 1e-12)))
    return Relation(min(strength, 1.0), strength * float(np.sqrt(n - 1)))


def _auc(ranks: Array, mine: NDArray[np.bool_]) -> Relation:
    inside, n = int(mine.sum()), len(mine)
    outside = n - inside
    if min(inside, outside) < FEWEST:
        return NOTHING
    auc = (float(ranks[mine].sum()) - inside * (inside + 1) / 2) / (inside * outside)
    spread = float(np.sqrt((n + 1) / (12 * inside * outside)))
    return Relation(abs(2 * auc - 1), abs(auc - 0.5) / spread)


def _ranks(values: Array) -> Array:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values))


def _correlation(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm else 0.0
