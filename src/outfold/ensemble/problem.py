"""What a combiner is fitted to, what it gives back, and how outputs stay what the task says they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from outfold.metrics import PER_CLASS, Metric, Task

Array = NDArray[Any]

INNER_PARTS = 5


@dataclass(frozen=True, eq=False)
class Problem:
    """The rows that a combiner is fitted on; row i of ``y``, ``fold`` and ``groups`` is row i of every member.

    Args:
        y: the truth: codes (n,) for classes, 0/1 (n, k) for tags, values (n,) or (n, k) for regression.
        fold: (n,) the fold that each row was predicted in; inner splits follow it.
        task: what kind of question it is.
        metric: what the contest scores.
        groups: (n,) rows of one group are never torn apart by a split or a bootstrap.
        seed: of everything that is drawn.
    """

    y: Array
    fold: Array
    task: Task
    metric: Metric
    groups: Array | None = None
    seed: int = 0

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Array) -> Problem:
        """The same problem on some of its rows (an index or a mask)."""
        groups = None if self.groups is None else self.groups[rows]
        return replace(self, y=self.y[rows], fold=self.fold[rows], groups=groups)

    def columns(self) -> Array:
        """The truth as float64 (n, outputs) for binary, multilabel and regression; one-hot is never built."""
        truth = np.asarray(self.y, dtype=np.float64)
        return truth[:, None] if truth.ndim == 1 else truth

    def parts(self) -> Array:
        """(n,) part numbers for an inner cross-validation: the folds, or seeded parts where there is only one fold."""
        names, numbers = np.unique(self.fold, return_inverse=True)
        return numbers if len(names) > 1 else seeded_parts(self, min(INNER_PARTS, len(self)))


class Fitted(Protocol):
    """A combiner after its fit: it predicts any rows from the same members in the same order."""

    @property
    def weights(self) -> Array | None:
        """(members,) effective weights for a report, of sum 1; None where a weight would say nothing."""

    def predict(self, P: Array) -> Array:
        """(members, n, outputs) to (n, outputs) of their type, valid for the task (see :func:`valid_outputs`)."""


class Combiner(Protocol):
    """One way to make one prediction out of several."""

    def fit(self, P: Array, problem: Problem) -> Fitted:
        """Fit on the out-of-fold predictions ``P`` (members, n, outputs) of the problem's rows."""


def seeded_parts(problem: Problem, n: int) -> Array:
    """(rows,) numbers below n: even parts that keep groups whole, or else spread every class over all parts."""
    rng = np.random.default_rng(problem.seed)
    if problem.groups is not None:
        names, member_of = np.unique(problem.groups, return_inverse=True)
        return (rng.permutation(len(names)) % n)[member_of]
    order = rng.permutation(len(problem))
    if problem.y.ndim == 1:  # classes, or the size of the value, in turn over the parts
        order = order[np.argsort(problem.y[order], kind="stable")]
    parts = np.empty(len(problem), dtype=np.int64)
    parts[order] = np.arange(len(problem)) % n
    return parts


def valid_outputs(values: Array, task: Task, dtype: Any = np.float32) -> Array:
    """(n, outputs) as float32 that keep the task's promise: probabilities in [0, 1], classes of a row of sum 1.

    A row of classes with nothing left in it becomes uniform; regression passes unchanged, as ``dtype``.
    """
    if task == "regression":
        return np.asarray(values, dtype=dtype)
    clipped = np.clip(np.asarray(values, dtype=np.float64), 0.0, 1.0)
    if task in PER_CLASS:
        total = clipped.sum(axis=1, keepdims=True)
        clipped = np.where(total > 0, clipped / np.where(total > 0, total, 1.0), 1.0 / clipped.shape[1])
    return clipped.astype(np.float32)


def normalised(weights: Array) -> Array | None:
    """Weights over their sum; None where the sum is not positive, and no share of it could be told."""
    total = float(weights.sum())
    return weights / total if total > 1e-9 else None


def weighted_sum(weights: Array, P: Array) -> Array:
    """sum_j w_j P_j as float64 (n, outputs), added in the members' order: the same bits on any number of threads."""
    total = np.zeros(P.shape[1:], dtype=np.float64)
    for weight, member in zip(weights, P, strict=True):
        if weight != 0.0:
            total += np.multiply(member, weight, dtype=np.float64)
    return total


@dataclass(frozen=True, eq=False)
class WeightedMean:
    """sum_j w_j P_j, made valid for the task."""

    weights: Array
    task: Task

    def predict(self, P: Array) -> Array:
        """(members, n, outputs) to (n, outputs) of the members' type."""
        return valid_outputs(weighted_sum(self.weights, P), self.task, P.dtype)
