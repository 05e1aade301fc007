"""Rank averaging, for metrics that see nothing but the order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outfold.ensemble.problem import Array, Fitted, Problem


@dataclass(frozen=True)
class RankMean:
    """The mean of the members' ranks among the out-of-fold predictions."""

    def fit(self, P: Array, problem: Problem) -> Fitted:
        """Store each member's sorted out-of-fold predictions."""
        return FittedRanks(np.sort(P, axis=1))


@dataclass(frozen=True, eq=False)
class FittedRanks:
    """``known`` (members, n, outputs): sorted along the rows.

    Any row is ranked among the known ones and never among the rows beside it, so that a prediction does not depend on
    which other rows were asked for, and a test set with more positives keeps them.
    """

    known: Array

    @property
    def weights(self) -> Array:
        """(members,) even."""
        return np.full(len(self.known), 1.0 / len(self.known))

    def predict(self, P: Array) -> Array:
        """(members, n, outputs) to (n, outputs) float32: the mean share of known predictions below, ties by half."""
        total = np.zeros(P.shape[1:], dtype=np.float64)
        for known, member in zip(self.known, P, strict=True):
            for k in range(member.shape[1]):
                below = np.searchsorted(known[:, k], member[:, k], side="left")
                upto = np.searchsorted(known[:, k], member[:, k], side="right")
                total[:, k] += (below + upto) / (2.0 * len(known))
        return (total / len(self.known)).astype(np.float32)
