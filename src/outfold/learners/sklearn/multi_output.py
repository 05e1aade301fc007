"""One estimator for all labels or targets at once, where it can learn several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from outfold.learners.sklearn.fit import alone, learn, scale_of, tag
from outfold.learners.tables.targets import Array, Problem


@dataclass(frozen=True, eq=False)
class Together:
    """An estimator of several columns, all of them 0 and 1, or all numbers.

    Attributes:
        numbers: whether they are numbers.
        estimator: fitted.
        centre, scale: (columns,) of targets that were learnt on one scale.
    """

    numbers: bool
    estimator: Any
    centre: Array
    scale: Array

    def predict(self, matrix: Any) -> Array:
        """(n, columns): a probability, or a value each."""
        with alone():
            if self.numbers:
                said = np.asarray(self.estimator.predict(matrix), dtype=np.float64)
                return np.asarray(said * self.scale + self.centre)
            return self._chances(matrix)

    def _chances(self, matrix: Any) -> Array:
        if hasattr(self.estimator, "predict_proba"):
            found = self.estimator.predict_proba(matrix)
            if not isinstance(found, list):
                return np.asarray(found, dtype=np.float64)
            return np.stack([_of_one(*pair) for pair in zip(found, self.estimator.classes_, strict=True)], axis=1)
        if hasattr(self.estimator, "decision_function"):
            z = np.asarray(self.estimator.decision_function(matrix), dtype=np.float64)
            return np.asarray(0.5 * (1.0 + np.tanh(0.5 * z)))
        return np.asarray(self.estimator.predict(matrix), dtype=np.float64)


def can_learn(estimator: Any, problems: Sequence[Problem]) -> bool:
    """Whether one estimator can be fitted to all of these."""
    if len(problems) < 2 or any(problem.weight is not None for problem in problems):
        return False
    if problems[0].kind == "number":
        return bool(tag(estimator, "target_tags", "multi_output"))
    several = tag(estimator, "target_tags", "multi_output") or tag(estimator, "classifier_tags", "multi_label")
    return bool(several)


def fitted_together(
    estimator: Any, matrix: Any, problems: Sequence[Problem], *, scaled: bool
) -> tuple[Together, list[str]]:
    """Fit an estimator that is new to all problems at once; and what it complained of, as :func:`fitted` does."""
    y = np.stack([problem.y for problem in problems], axis=1)
    numbers = problems[0].kind == "number"
    scales = [scale_of(problem) if numbers and scaled else (0.0, 1.0) for problem in problems]
    centre, scale = np.array(scales, dtype=np.float64).T
    told = learn(estimator, matrix, (y - centre) / scale if numbers else y.astype(np.int64), None)
    return Together(numbers, estimator, centre, scale), told


def _of_one(chances: Any, classes: Any) -> Array:
    """(n,) the probability of 1; of a column that was all 0 or all 1 in training, that."""
    found = np.flatnonzero(np.asarray(classes) == 1)
    values = np.asarray(chances, dtype=np.float64)
    return values[:, found[0]] if len(found) else np.zeros(len(values))
