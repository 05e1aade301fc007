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

    Whatever the metric: a metric on ranks or labels is a step function of the weights and has no slope to follow.
    """

    max_rows: int = SEARCH_ROWS

    def fit(self, P: Array, problem: Problem) -> Fitted:
        """w = softmax(theta), theta from 0 by L-BFGS with the analytic gradient, in float64."""
        if problem.task == "regression":
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


def squared_error_slope(gram: Array) -> Slope:
    """Loss and gradient in w of w' G w, for the Gram matrix G of the members' residuals."""

    def slope(weights: Array) -> tuple[float, Array]:
        pulled = gram @ weights
        return float(weights @ pulled), 2.0 * pulled

    return slope


def descend(slope: Slope, members: int) -> Array:
    """(members,) weights of sum 1 with the least loss, from even weights; those below 1e-6 become 0."""
    from scipy.optimize import minimize

    scale = max(abs(slope(np.full(members, 1.0 / members))[0]), 1e-300)  # so that tolerances do not depend on units

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
