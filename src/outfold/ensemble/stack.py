"""A linear model on the members' logits, or on their values: the stacker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outfold.ensemble.objective import subsample
from outfold.ensemble.pooling import fit_pool
from outfold.ensemble.problem import Array, Fitted, Problem, normalised, valid_outputs
from outfold.ensemble.solvers import STRENGTHS, RidgePath, best_strength, log_loss_of_logits, logistic_path
from outfold.metrics import PER_CLASS, Task

LOGIT_CLIP = 1e-4
FIT_ROWS = 200_000
STRENGTH_ROWS = 10_000
"""Rows that choose the strength of the logistic penalty: with more rows than these it hardly matters."""


@dataclass(frozen=True)
class Stack:
    """L2 logistic regression on standardised logits (classes, tags), ridge on standardised values (regression).

    The strength is chosen by an inner cross-validation over the folds among the fitted rows, so never by a row that
    the stack is scored on. Tags and targets are columns of their own; classes share one model (see
    :mod:`outfold.ensemble.pooling`). Ridge aims at the squared error, and under RMSLE at that of log(1 + value).
    """

    def fit(self, P: Array, problem: Problem) -> Fitted:
        """Fit a model a column. A column whose truth is all the same has nothing to fit: it keeps the members' mean."""
        if problem.task in PER_CLASS:
            return fit_pool(P, problem)
        regression, logs = problem.task == "regression", problem.metric.name == "rmsle"
        scale = ("log" if logs else "value") if regression else "logit"
        if not regression:
            P, problem = subsample(P, problem, FIT_ROWS)
        truth, parts = problem.columns(), problem.parts()
        truth = np.log1p(truth) if scale == "log" else truth
        coefficients, intercepts = np.full((truth.shape[1], len(P)), np.nan), np.zeros(truth.shape[1])
        for k, y in enumerate(truth.T):
            if y.min() == y.max():
                continue
            X = to_scale(P[:, :, k], scale)
            fitted = _fit_ridge(X, y, parts) if regression else _fit_logistic(X.T, y, parts, problem.seed)
            coefficients[k], intercepts[k] = fitted
        return FittedStack(coefficients, intercepts, scale, problem.task)


@dataclass(frozen=True, eq=False)
class FittedStack:
    """``coefficients`` (outputs, members) and ``intercepts`` (outputs,) on a scale of :func:`to_scale`.

    A row of NaN coefficients stands for the plain mean.
    """

    coefficients: Array
    intercepts: Array
    scale: str
    task: Task

    @property
    def weights(self) -> Array | None:
        """Coefficients over their sum, averaged over the outputs; None where they have no positive sum."""
        fitted = ~np.isnan(self.coefficients).any(axis=1)
        return normalised(
            self.coefficients[fitted].mean(axis=0) if fitted.any() else np.ones(self.coefficients.shape[1])
        )

    def predict(self, P: Array) -> Array:
        """(members, n, outputs) to (n, outputs) of the members' type."""
        out = np.empty(P.shape[1:], dtype=np.float64)
        for k, (coefficients, intercept) in enumerate(zip(self.coefficients, self.intercepts, strict=True)):
            if np.isnan(coefficients).any():
                out[:, k] = P[:, :, k].mean(axis=0, dtype=np.float64)
                continue
            total = np.full(P.shape[1], intercept)
            for coefficient, member in zip(coefficients, P[:, :, k], strict=True):
                total += np.multiply(to_scale(member, self.scale), coefficient, dtype=np.float64)
            out[:, k] = from_scale(total, self.scale)
        return valid_outputs(out, self.task, P.dtype)


def to_scale(values: Array, scale: str) -> Array:
    """Predictions on the scale that the stack is linear on.

    ``value``: as they are. As float64, ``log``: log(1 + value), negative values as 0; ``logit``: log(p / (1 - p)), p
    clipped to [1e-4, 1 - 1e-4], so that a member that is surely wrong once does not rule.
    """
    if scale == "value":
        return values
    values = np.asarray(values, dtype=np.float64)
    if scale == "log":
        return np.log1p(np.maximum(values, 0.0))
    clipped = np.clip(values, LOGIT_CLIP, 1.0 - LOGIT_CLIP)
    logits: Array = np.log(clipped) - np.log1p(-clipped)
    return logits


def from_scale(values: Array, scale: str) -> Array:
    """The inverse of :func:`to_scale`."""
    if scale == "value":
        return values
    return np.expm1(values) if scale == "log" else 0.5 * (1.0 + np.tanh(0.5 * values))


def _fit_ridge(members: Array, y: Array, parts: Array) -> tuple[Array, float]:
    path = RidgePath.of(members, y, parts)
    return path.solve(best_strength(parts, path.losses))


def _fit_logistic(X: Array, y: Array, parts: Array, seed: int) -> tuple[Array, float]:
    centre, spread = X.mean(axis=0), X.std(axis=0)
    spread[spread < 1e-9] = 1.0
    X = (X - centre) / spread
    chosen = np.sort(np.random.default_rng(seed).permutation(len(y))[:STRENGTH_ROWS])
    some, truth, part_of = X[chosen], y[chosen], parts[chosen]

    def losses(part: int) -> Array:
        inside = part_of == part
        if truth[~inside].min() == truth[~inside].max():
            return np.full(len(STRENGTHS), np.nan)
        path = logistic_path(some[~inside], truth[~inside], STRENGTHS)
        return np.array(
            [log_loss_of_logits(truth[inside], some[inside] @ coefficients + b) for coefficients, b in path]
        )

    coefficients, intercept = logistic_path(X, y, (best_strength(part_of, losses),))[0]
    coefficients = coefficients / spread
    return coefficients, float(intercept - coefficients @ centre)
