"""Ridge regression of every strength and every fold from one pass over the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outfold.ensemble.problem import Array
from outfold.ensemble.strength import STRENGTHS

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
