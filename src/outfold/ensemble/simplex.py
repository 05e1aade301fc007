"""Weights on the simplex, by gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from outfold.ensemble.objective import EPS, SEARCH_ROWS, residual_gram, subsample, true_probability
from outfold.ensemble.problem import Array, Fitted, Problem, WeightedMean


@dataclass(frozen=True)
class Simplex:
    """Non-negative weights of sum 1 with the least log loss (classes, tags) or squared error (regression).

    Whatever the metric, since one on ranks or labels is a step function of the weights and has no slope to follow; only
    RMSLE is followed itself.
    """

    max_rows: int = SEARCH_ROWS

    def fit(self, P: Array, problem: Problem) -> Fitted:
        """w = softmax(theta), theta from 0 by L-BFGS with the analytic gradient, in float64."""
        if problem.metric.name == "rmsle":
            some, rows = subsample(P, problem, self.max_rows)
            loss = log_error_slope(some.reshape(len(P), -1).astype(np.float64), rows.columns().ravel())
        elif problem.task == "regression":
            loss = squared_error_slope(residual_gram(P, problem))
        else:
            loss = log_loss_slope(true_probability(*subsample(P, problem, self.max_rows)).astype(np.float64))
        return WeightedMean(descend(loss, len(P)), problem.task)


Slope = Callable[[Array], tuple[float, Array]]


def log_loss_slope(probability: Array) -> Slope:
    """Loss and gradient in w of -mean(log(w' T)) for T (members, N), the probabilities of what happened."""

    def slope(weights: Array) -> tuple[float, Array]:
        mixed = np.maximum(weights @ probability, EPS)
        return -float(np.log(mixed).mean()), -(probability @ (1.0 / mixed)) / len(mixed)

    return slope


def log_error_slope(values: Array, y: Array) -> Slope:
    """Loss and gradient in w of mean((log(1 + w' V) - log(1 + y))^2) for V (members, N); negative values count as 0."""
    truth = np.log1p(y)

    def slope(weights: Array) -> tuple[float, Array]:
        mixed = weights @ values
        away = np.log1p(np.maximum(mixed, 0.0)) - truth
        pull = np.where(mixed > 0, 2.0 * away / (1.0 + np.maximum(mixed, 0.0)), 0.0)
        return float((away * away).mean()), values @ pull / len(y)

    return slope


def squared_error_slope(gram: Array) -> Slope:
    """Loss and gradient in w of w' G w, for the Gram matrix G of the members' residuals."""

    def slope(weights: Array) -> tuple[float, Array]:
        pulled = gram @ weights
        return float(weights @ pulled), 2.0 * pulled

    return slope


def descend(slope: Slope, members: int) -> Array:
    """(members,) weights of sum 1 with the least loss, from even weights; those below 1e-6 become 0."""
    from scipy.optimize import minimize

    even = np.full(members, 1.0 / members)
    scale = slope(even)[0]  # so that tolerances do not depend on units
    if not scale > 1e-100:  # even weights leave nothing to improve
        return even

    def in_theta(theta: Array) -> tuple[float, Array]:
        weights = _softmax(theta)
        loss, gradient = slope(weights)
        return loss / scale, weights * (gradient - weights @ gradient) / scale

    options = {"maxiter": 500, "ftol": 1e-12, "gtol": 1e-8}
    found = minimize(in_theta, np.zeros(members), jac=True, method="L-BFGS-B", options=options)
    weights = _softmax(found.x)
    weights[weights < 1e-6] = 0.0
    return weights / weights.sum()


def _softmax(theta: Array) -> Array:
    powers = np.exp(theta - theta.max())
    return powers / powers.sum()
