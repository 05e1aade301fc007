"""Ridge regression of every strength and every fold from one pass over the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from outfold.ensemble.problem import Array

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""C, the inverse of the penalty's weight against a summed loss: from the strongest penalty to the weakest."""


def best_strength(parts: Array, losses: Callable[[int], Array]) -> float:
    """The one of ``STRENGTHS`` with the least loss over all parts; a tie goes to the stronger penalty.

    Args:
        parts: (n,) part of each row. Of a single part nothing can be learned: the strongest penalty it is.
        losses: of a part: its summed loss under fits on all other parts, one for each strength; NaN where it has none.
    """
    names = np.unique(parts)
    if len(names) < 2:
        return STRENGTHS[0]
    total = np.zeros(len(STRENGTHS))
    for name in names:
        total += np.nan_to_num(losses(int(name)), nan=0.0)
    return STRENGTHS[int(np.argmin(total))]


CONSTANT = 4e-16
"""A share of a column's mean: a spread below it is rounding."""


@dataclass(frozen=True, eq=False)
class RidgePath:
    """The sums that ridge regression needs, a part at a time: those outside a part are the total less the part's own.

    With rows Z = [standardised members, 1, standardised y], ``moments[part]`` is Z' Z of the part's rows, so no
    strength and no part reads the rows again, and 100 members on a million rows cost one product.
    """

    moments: dict[int, Array]
    centre: Array
    scale: Array

    @classmethod
    def of(cls, P: Array, y: Array, parts: Array) -> RidgePath:
        """From members (members, n), truth (n,) and part numbers (n,)."""
        columns = len(P)
        centre = np.array([*(member.mean(dtype=np.float64) for member in P), y.mean()])
        scale = np.array([*(member.std(dtype=np.float64) for member in P), y.std()])
        # float64 members lie far from zero, and are constant where they vary by less than a rounding
        least = CONSTANT if P.dtype == np.float64 else 1e-9
        scale[scale < least * np.maximum(np.abs(centre), 1e-300)] = 1.0
        moments = {}
        for part in np.unique(parts):
            sums = np.zeros((columns + 2, columns + 2))
            rows = np.flatnonzero(parts == part)
            for start in range(0, len(rows), 65_536):
                block = rows[start : start + 65_536]
                Z = np.ones((len(block), columns + 2))
                Z[:, :columns] = (P[:, block].T - centre[:columns]) / scale[:columns]
                Z[:, -1] = (y[block] - centre[-1]) / scale[-1]
                sums += Z.T @ Z
            moments[int(part)] = sums
        return cls(moments, centre, scale)

    def losses(self, part: int) -> Array:
        """Summed squared error on the part's rows, of a fit on all other rows, for each of ``STRENGTHS``."""
        inside = self.moments[part]
        outside = np.sum([sums for name, sums in self.moments.items() if name != part], axis=0)
        found = []
        for strength in STRENGTHS:
            direction = np.append(-_ridge(outside, strength), 1.0)  # residual = Z @ (-w, -b, 1)
            found.append(float(direction @ inside @ direction))
        return np.array(found)

    def solve(self, strength: float) -> tuple[Array, float]:
        """Coefficients (members,) and intercept, in the members' own units, of the fit on all rows."""
        solution = _ridge(np.sum(list(self.moments.values()), axis=0), strength)
        coefficients = solution[:-1] * self.scale[-1] / self.scale[:-1]
        intercept = solution[-1] * self.scale[-1] + self.centre[-1] - coefficients @ self.centre[:-1]
        return coefficients, float(intercept)


def _ridge(moments: Array, strength: float) -> Array:
    """(members + 1,) solution of |y - Zw|^2 + |w|^2 / C on standardised columns, the intercept unpenalised."""
    penalty = np.full(len(moments) - 1, 1.0 / strength)
    penalty[-1] = 1e-9
    solution: Array = np.linalg.solve(moments[:-1, :-1] + np.diag(penalty), moments[:-1, -1])
    return solution


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
