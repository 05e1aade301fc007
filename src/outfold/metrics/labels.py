"""Metrics of decisions: labels against labels.

Counted in numpy, since a search for thresholds calls them thousands of times.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from outfold.errors import DataError


def accuracy(y: NDArray[Any], labels: NDArray[Any]) -> float:
    """Share of the rows that are right; for multilabel, right in every label."""
    right = y == labels
    return float(right.mean() if y.ndim == 1 else right.all(axis=1).mean())


def balanced_accuracy(y: NDArray[Any], labels: NDArray[Any]) -> float:
    """Mean recall over the classes that the truth has."""
    hits, true, _ = _counts(y, labels)
    present = true > 0
    return float((hits[present] / true[present]).mean())


def f_binary(y: NDArray[Any], labels: NDArray[Any], *, beta: float = 1.0) -> float:
    """F of the positive class; 0 if it is neither there nor predicted."""
    return float(_f(np.sum(y & labels), y.sum(), labels.sum(), beta))


def f_macro(y: NDArray[Any], labels: NDArray[Any], *, beta: float = 1.0) -> float:
    """Mean of the F of each class.

    As scikit-learn with ``zero_division=0``: classes neither true nor predicted in any row are left out, but every
    label of a multilabel task counts, with 0 if it is neither there nor predicted. For binary both classes count.
    """
    hits, true, said = _counts(y, labels)
    present = np.ones(len(true), dtype=bool) if y.ndim == 2 else true + said > 0
    return float(_f(hits, true, said, beta)[present].mean())


def f_micro(y: NDArray[Any], labels: NDArray[Any], *, beta: float = 1.0) -> float:
    """F of the counts summed over all classes; with one label a row (binary, multiclass) that is the accuracy."""
    hits, true, said = _counts(y, labels)
    return float(_f(hits.sum(), true.sum(), said.sum(), beta))


def f_samples(y: NDArray[Any], labels: NDArray[Any], *, beta: float = 1.0) -> float:
    """Mean of the F of each row of a multilabel task; a row with no label, true or predicted, scores 0."""
    hits, true, said = (part.sum(axis=1, dtype=np.int64) for part in (y & labels, y, labels))
    return float(_f(hits, true, said, beta).mean())


def mcc(y: NDArray[Any], labels: NDArray[Any]) -> float:
    """Matthews correlation, for any number of classes (Gorodkin, 2004); 0 where truth or labels are constant."""
    hits, true, said = (part.astype(np.float64) for part in _counts(y, labels))
    n = float(len(y))
    spread = (n * n - true @ true) * (n * n - said @ said)
    return float((hits.sum() * n - true @ said) / np.sqrt(spread)) if spread > 0 else 0.0


def qwk(y: NDArray[Any], labels: NDArray[Any]) -> float:
    """Quadratic weighted kappa (Cohen, 1968); of several columns the mean. nan if the truth is constant.

    The weighted confusion matrix sums to the mean squared difference of the pairs, and the expected one to that of all
    combinations, so neither has to be built. Of constant truth kappa is 0 / 0 for a perfect prediction and 0 for any
    other; both are nan here, or the worse of the two would look like the better.

    Raises:
        DataError: truth that is not whole ratings.
    """
    truth, said = y.astype(np.float64), labels.astype(np.float64)
    if (truth != np.rint(truth)).any():
        raise DataError(f"qwk: the truth holds {truth[truth != np.rint(truth)].flat[0]:g}, expected whole ratings")
    varies = truth.min(axis=0) < truth.max(axis=0)
    observed = np.square(truth - said).mean(axis=0)
    expected = truth.var(axis=0) + said.var(axis=0) + (truth.mean(axis=0) - said.mean(axis=0)) ** 2
    return float(np.where(varies, 1 - observed / np.where(varies, expected, 1), np.nan).mean())


def _counts(y: NDArray[Any], labels: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """For each class: rows where it is rightly predicted, where it is true, where it is predicted."""
    if y.ndim == 2:
        hits, true, said = (part.sum(axis=0, dtype=np.int64) for part in (y & labels, y, labels))
        return hits, true, said
    k = int(max(y.max(), labels.max())) + 1
    return tuple(np.bincount(part, minlength=k) for part in (y[y == labels], y, labels))  # type: ignore[return-value]


def _f(hits: Any, true: Any, said: Any, beta: float) -> Any:
    weight = beta * beta
    total = weight * np.asarray(true, dtype=np.float64) + said
    return np.divide((1 + weight) * hits, total, out=np.zeros_like(total), where=total > 0)
