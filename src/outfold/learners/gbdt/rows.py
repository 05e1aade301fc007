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
        whole: (m, features) float32 or float64, NaN where missing or, of a category, never seen.
        problem: what is asked of the rows, (n,), and what each counts.
        names: of the features, as every library can write them.
        categorical: the places of those features that are codes of categories.
        monotone: of each feature +1, -1 or 0: the way in which the raw score may follow it; empty: as it likes.
        start: (outputs,) the raw scores that boosting starts from; None: the library's own.
        places: (n,) rising, the rows of ``whole``; None: all of them.
    """

    whole: NDArray[Any]
    problem: Problem
    names: Sequence[str]
    categorical: Sequence[int]
    monotone: Sequence[int] = ()
    start: NDArray[np.float64] | None = None
    places: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.label)

    def some(self, places: NDArray[np.int64]) -> Rows:
        """These rows only; no copy is made of them yet."""
        kept = places if self.places is None else self.places[places]
        return replace(self, problem=self.problem.some(places), places=kept)

    @property
    def features(self) -> NDArray[Any]:
        """(n, features); a copy where they are not all rows."""
        return self.whole if self.places is None else self.whole[self.places]

    def starts(self) -> NDArray[np.float64] | None:
        """(n, outputs) the raw scores that boosting starts from, or None."""
        return None if self.start is None else np.tile(self.start, (len(self), 1))

    @property
    def label(self) -> NDArray[Any]:
        """(n,) codes or numbers."""
        return self.problem.y

    @property
    def weight(self) -> NDArray[np.float64] | None:
        """(n,), or None where all rows weigh the same."""
        return self.problem.weight
