"""What one booster learns from: a matrix of features, and what is asked of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outfold.learners.problems import Problem


@dataclass(frozen=True, eq=False)
class Rows:
    """Training rows of one booster.

    Attributes:
        features: (n, features) float32 or float64, NaN where missing or, of a category, never seen.
        problem: what is asked of them, (n,), and what each counts.
        names: of the features, as every library can write them.
        categorical: the places of those features that are codes of categories.
        monotone: of each feature +1, -1 or 0: the way in which the raw score may follow it; empty: as it likes.
        start: (outputs,) the raw scores that boosting starts from; None: the library's own.
    """

    features: NDArray[Any]
    problem: Problem
    names: Sequence[str]
    categorical: Sequence[int]
    monotone: Sequence[int] = ()
    start: NDArray[np.float64] | None = None

    def some(self, places: NDArray[np.int64]) -> Rows:
        """These rows only."""
        return replace(self, features=self.features[places], problem=self.problem.some(places))

    def starts(self) -> NDArray[np.float64] | None:
        """(n, outputs) the raw scores that boosting starts from, or None."""
        return None if self.start is None else np.tile(self.start, (len(self.features), 1))

    @property
    def label(self) -> NDArray[Any]:
        """(n,) codes or numbers."""
        return self.problem.y

    @property
    def weight(self) -> NDArray[np.float64] | None:
        """(n,), or None where all rows weigh the same."""
        return self.problem.weight
