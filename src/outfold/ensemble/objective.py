"""How good a mixture of members is, fast enough to ask thousands of times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from outfold.ensemble.problem import Array, Problem, valid_outputs
from outfold.ensemble.thresholds import needs_thresholds, quick_thresholds
from outfold.metrics import PER_CLASS

LOG_LOSSES = frozenset({"log_loss", "mean_columnwise_log_loss"})
SQUARED_ERRORS = frozenset({"rmse"})
SQUARED_ERRORS_OF_ONE = frozenset({"rmse", "r2", "mean_columnwise_rmse"})
AUCS = frozenset({"auc", "auc_macro", "mean_columnwise_auc"})

SEARCH_ROWS = 200_000
OTHER_METRIC_ROWS = 20_000
THRESHOLD_ROWS = 5_000
EXACT_AUC_ROWS = 20_000
EPS = 1e-15


@dataclass(frozen=True, eq=False)
class Objective:
    """A loss of a mixture, and the members in the form in which they are mixed for it.

    ``matrix`` is (members, ...): ``loss(sum_j w_j matrix_j)`` is the loss of the mixture whose weights w have sum 1,
    up to a monotone change (the squared error stands for its root). What the metric does not look at is gone from the
    matrix: of probabilities only that of what really happened is left, of squared errors only the members' Gram matrix.
    """

    matrix: Array
    loss: Callable[[Array], float]


def objective(P: Array, problem: Problem, *, negative_weights: bool = False, max_rows: int = SEARCH_ROWS) -> Objective:
    """The metric of ``problem`` as an :class:`Objective` over the members ``P``.

    Above ``max_rows`` rows (20,000 for a metric without a form of its own here, 5,000 where each mixture needs its
    thresholds) a seeded sample of them, even over the classes, stands for all; the squared error reads all rows, once.
    Log loss takes the place of an AUC that is undefined because the rows are all of one class.
    """
    name, task = problem.metric.name, problem.task
    if task == "regression" and name in (SQUARED_ERRORS if P.shape[2] > 1 else SQUARED_ERRORS_OF_ONE):
        return squared_error(P, problem)
    P, problem = subsample(P, problem, min(max_rows, _row_limit(problem)))
    one_class = task == "binary" and bool((problem.y == problem.y[0]).all())
    if name in LOG_LOSSES or (one_class and problem.metric.wants == "ranks"):
        if negative_weights and task in PER_CLASS:
            # Other classes pushed below zero change the row's sum, so the true class alone does not tell the loss.
            return Objective(P, lambda mixed: _log_loss(true_probability(valid_outputs(mixed, task)[None], problem)[0]))
        return Objective(true_probability(P, problem), _log_loss)
    if name in AUCS and task in ("binary", "multilabel"):
        truth = problem.columns() > 0.5
        return Objective(P, lambda mixed: _auc_loss(truth, mixed))
    if needs_thresholds(problem.metric, task):
        return Objective(P, lambda mixed: _threshold_loss(problem, valid_outputs(mixed, task, P.dtype)))
    return Objective(P, lambda mixed: problem.metric.loss(problem.y, valid_outputs(mixed, task, P.dtype)))


def _row_limit(problem: Problem) -> int:
    if needs_thresholds(problem.metric, problem.task):
        return THRESHOLD_ROWS
    return SEARCH_ROWS if problem.metric.name in LOG_LOSSES | AUCS else OTHER_METRIC_ROWS


def subsample(P: Array, problem: Problem, max_rows: int) -> tuple[Array, Problem]:
    """At most ``max_rows`` rows, drawn with the problem's seed and even over the classes; all, where they are few."""
    n = len(problem)
    if n <= max_rows:
        return P, problem
    rng = np.random.default_rng(problem.seed)
    order = rng.permutation(n)
    if problem.y.ndim == 1:  # every (n / max_rows)-th row of the rows in order of class or value
        order = order[np.argsort(problem.y[order], kind="stable")]
    rows = np.sort(order[np.linspace(0, n - 1, max_rows).astype(np.int64)])
    return P[:, rows], problem.take(rows)


def true_probability(P: Array, problem: Problem) -> Array:
    """(members, n * columns) float32: the probability that each member gave to what really happened.

    A mixture's log loss is -mean(log(mixture of these)), whatever the number of classes, since rows have sum 1.
    """
    if problem.task in PER_CLASS:
        codes = np.asarray(problem.y, dtype=np.int64)
        return np.ascontiguousarray(P[:, np.arange(P.shape[1]), codes], dtype=np.float32)
    happened = problem.columns() > 0.5
    return np.where(happened, P, np.float32(1) - P).reshape(len(P), -1).astype(np.float32, copy=False)


def squared_error(P: Array, problem: Problem) -> Objective:
    """Mean squared error over the members' Gram matrix: no later question costs more than members squared.

    Weights of sum 1 mix residuals as they mix predictions, R = P - y, so MSE = w' (R R' / N) w = ||w' F||^2 with F F'
    the Gram matrix's factorisation.
    """
    gram = residual_gram(P, problem)
    values, vectors = np.linalg.eigh(gram)
    factor = vectors * np.sqrt(np.maximum(values, 0.0))
    return Objective(factor, lambda mixed: float(mixed @ mixed))


def residual_gram(P: Array, problem: Problem) -> Array:
    """(members, members) float64: R R' / N of the residuals R, read in blocks of rows so that memory stays flat."""
    truth = problem.columns()
    gram = np.zeros((len(P), len(P)))
    for start in range(0, len(problem), 65_536):
        block = slice(start, start + 65_536)
        residual = (P[:, block].astype(np.float64) - truth[block]).reshape(len(P), -1)
        gram += residual @ residual.T
    return gram / truth.size


def auc(truth: Array, scores: Array) -> float:
    """Area under the ROC curve of ``scores`` (n,) for the bool ``truth`` (n,); NaN where one class is absent.

    Exact up to ``EXACT_AUC_ROWS`` rows; above, scores are binned by the high bits of their float32 form, which moves
    the area by some 1e-7.
    """
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    if len(truth) <= EXACT_AUC_ROWS:
        bins = np.unique(scores, return_inverse=True)[1]
    else:
        bits = np.ascontiguousarray(scores, dtype=np.float32).view(np.uint32)
        # Negative floats sort backwards by their bits: flip them below the positive ones.
        ordered = np.where(bits >> 31, ~bits, bits | np.uint32(0x80000000)) >> 12
        bins = (ordered - ordered.min()).astype(np.int64)
    size = int(bins.max()) + 1
    hits = np.bincount(bins[truth], minlength=size)
    misses = np.bincount(bins[~truth], minlength=size)
    beaten = np.cumsum(misses) - misses
    return float((hits * (beaten + 0.5 * misses)).sum() / (positives * negatives))


def _log_loss(probability: Array) -> float:
    return -float(np.mean(np.log(np.maximum(probability, EPS)), dtype=np.float64))


def _auc_loss(truth: Array, mixed: Array) -> float:
    areas = [auc(truth[:, column], mixed[:, column]) for column in range(truth.shape[1])]
    known = [area for area in areas if area == area]
    return -sum(known) / len(known) if known else 0.0


def _threshold_loss(problem: Problem, outputs: Array) -> float:
    thresholds = quick_thresholds(problem.metric, problem.y, outputs, task=problem.task)
    return problem.metric.loss(problem.y, outputs, thresholds=thresholds)
