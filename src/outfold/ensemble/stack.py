"""A linear model on the members' logits, or on their values: the stacker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from outfold.ensemble.pooling import fit_pool
from outfold.ensemble.problem import Array, Fitted, Problem, seeded_parts, valid_outputs
from outfold.ensemble.ridge import RidgePath

LOGIT_CLIP = 1e-4
C_GRID = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""Inverse strengths of the L2 penalty, of which the inner cross-validation takes one."""


@dataclass(frozen=True)
class Stack:
    """L2 logistic regression on standardised logits (classes, tags), ridge on standardised values (regression).

    The strength is chosen by an inner cross-validation over the folds among the fitted rows, so never by a row that
    the stack is scored on. Tags are columns of their own; classes share one model (see :mod:`outfold.ensemble.pooling`).
    """

    def fit(self, P: Array, problem: Problem) -> Fitted:
        """Fit a model a column. A column whose truth is all the same has nothing to fit: it keeps the members' mean."""
        if problem.task == "multiclass":
            return fit_pool(P, problem, C_GRID)
        parts = problem.parts()
        fit_column = _fit_ridge if problem.task == "regression" else _fit_logistic
        truth = problem.columns()
        columns = [fit_column(P[:, :, k], truth[:, k], parts, problem) for k in range(truth.shape[1])]
        return FittedStack(np.array([c[0] for c in columns]), np.array([c[1] for c in columns]), problem.task)


@dataclass(frozen=True, eq=False)
class FittedStack:
    """``coefficients`` (outputs, members) and ``intercepts`` (outputs,) on logits, or on values for regression.

    A row of NaN coefficients stands for the plain mean.
    """

    coefficients: Array
    intercepts: Array
    task: str

    @property
    def weights(self) -> Array | None:
        """Coefficients over their sum, averaged over the outputs; None where they have no positive sum."""
        fitted = self.coefficients[~np.isnan(self.coefficients).any(axis=1)]
        return (
            normalised(fitted.mean(axis=0))
            if len(fitted)
            else np.full(self.coefficients.shape[1], 1.0 / self.coefficients.shape[1])
        )

    def predict(self, P: Array) -> Array:
        """(members, n, outputs) to (n, outputs) float32."""
        out = np.empty(P.shape[1:], dtype=np.float64)
        for k, (coefficients, intercept) in enumerate(zip(self.coefficients, self.intercepts, strict=True)):
            if np.isnan(coefficients).any():
                out[:, k] = P[:, :, k].mean(axis=0, dtype=np.float64)
                continue
            total = np.full(P.shape[1], intercept)
            for coefficient, member in zip(coefficients, P[:, :, k], strict=True):
                total += coefficient * (member if self.task == "regression" else logit(member))
            out[:, k] = total if self.task == "regression" else _sigmoid(total)
        return valid_outputs(out, self.task)  # type: ignore[arg-type]


def logit(probability: Array) -> Array:
    """log(p / (1 - p)) as float64, p clipped to [1e-4, 1 - 1e-4]: a member that is surely wrong once must not rule."""
    clipped = np.clip(np.asarray(probability, dtype=np.float64), LOGIT_CLIP, 1.0 - LOGIT_CLIP)
    return np.log(clipped) - np.log1p(-clipped)


def normalised(weights: Array) -> Array | None:
    """Weights over their sum, or None where the sum is not positive."""
    total = float(weights.sum())
    return weights / total if total > 1e-9 else None


def best_strength(parts: Array, strengths: tuple[float, ...], losses: Callable[[Array, Array], Array]) -> float:
    """The strength with the least mean loss over the parts; a tie goes to the stronger penalty, which is named first.

    Args:
        losses: of (rows to fit on, rows to score), as masks: the summed loss of each strength, NaN where it has none.
    """
    total = np.zeros(len(strengths))
    for part in np.unique(parts):
        inside = parts == part
        found = losses(~inside, inside)
        total += np.where(np.isnan(found), 0.0, found)
    return strengths[int(np.argmin(total))]


def _fit_logistic(P: Array, y: Array, parts: Array, problem: Problem) -> tuple[Array, float]:
    if y.min() == y.max():
        return np.full(len(P), np.nan), 0.0
    X = logit(P.T)
    centre, scale = X.mean(axis=0), X.std(axis=0)
    scale[scale < 1e-9] = 1.0
    X = (X - centre) / scale
    if any(len(np.unique(y[parts != part])) < 2 for part in np.unique(parts)):
        parts = seeded_parts(problem, len(np.unique(parts)))

    def losses(fit: Array, score: Array) -> Array:
        if y[fit].min() == y[fit].max():
            return np.full(len(C_GRID), np.nan)
        path = _logistic_path(X[fit], y[fit], C_GRID)
        return np.array([_binary_loss(y[score], X[score] @ w + b) for w, b in path])

    strength = best_strength(parts, C_GRID, losses)
    coefficients, intercept = _logistic_path(X, y, (strength,))[0]
    coefficients = coefficients / scale
    return coefficients, float(intercept - coefficients @ centre)


def _logistic_path(X: Array, y: Array, strengths: tuple[float, ...]) -> list[tuple[Array, float]]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(solver="lbfgs", max_iter=500, warm_start=True)
    path = []
    for strength in strengths:
        model.set_params(C=strength).fit(X, y)
        path.append((model.coef_[0].copy(), float(model.intercept_[0])))
    return path


def _fit_ridge(P: Array, y: Array, parts: Array, problem: Problem) -> tuple[Array, float]:
    path = RidgePath.of(P, y, parts)
    strength = best_strength(parts, C_GRID, lambda fit, score: path.losses(int(parts[np.argmax(score)]), C_GRID))
    return path.solve(strength)


def _binary_loss(y: Array, z: Array) -> float:
    return float(np.sum(np.logaddexp(0.0, z) - y * z))


def _sigmoid(z: Array) -> Array:
    return 0.5 * (1.0 + np.tanh(0.5 * z))
