"""Logistic regression of few columns, for the thousands of small fits that nested tuning asks for."""

from __future__ import annotations

import numpy as np

from outfold.ensemble.problem import Array

STEPS = 50
TOLERANCE = 1e-9


def logistic_path(X: Array, y: Array, strengths: tuple[float, ...]) -> list[tuple[Array, float]]:
    """Coefficients (columns,) and intercept that minimise sum(log loss) + |w|^2 / 2C, for each strength C in turn.

    What ``sklearn.linear_model.LogisticRegression(C=C)`` fits (the tests hold it to that), by Newton's method from the
    solution for the strength before. Checks of input and parameters cost scikit-learn more than these fits do.

    Args:
        X: (n, columns) standardised.
        y: (n,) of 0 and 1, both present.
        strengths: C, from the strongest penalty to the weakest.
    """
    Z = np.concatenate([X, np.ones((len(X), 1))], axis=1)
    theta = np.zeros(Z.shape[1])
    share = y.mean()
    theta[-1] = np.log(share / (1.0 - share))
    path = []
    for strength in strengths:
        penalty = np.full(len(theta), 1.0 / strength)
        penalty[-1] = 0.0  # the intercept is free
        theta = _newton(Z, y, penalty, theta)
        path.append((theta[:-1].copy(), float(theta[-1])))
    return path


def log_loss_of_logits(y: Array, logits: Array) -> float:
    """Summed -log P(y), from logits (n,)."""
    return float(np.sum(np.logaddexp(0.0, logits) - y * logits))


def _newton(Z: Array, y: Array, penalty: Array, theta: Array) -> Array:
    def loss_at(point: Array) -> float:
        return log_loss_of_logits(y, Z @ point) + 0.5 * float(point @ (penalty * point))

    loss = loss_at(theta)
    for _ in range(STEPS):
        chance = 0.5 * (1.0 + np.tanh(0.5 * (Z @ theta)))
        slope = Z.T @ (chance - y) + penalty * theta
        curve = (Z.T * (chance * (1.0 - chance))) @ Z
        curve.flat[:: len(curve) + 1] += penalty + 1e-10 * len(y)  # so that rows told apart for certain can be solved
        step = np.linalg.solve(curve, slope)
        if float(slope @ step) < TOLERANCE * len(y):
            break
        size = 1.0
        while (tried := loss_at(theta - size * step)) > loss and size > 1e-6:
            size *= 0.5
        if tried >= loss:
            break
        theta, loss = theta - size * step, tried
    return theta
