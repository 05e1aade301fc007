"""One RealMLP: trained until an inner split is best, or to an epoch that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outfold.data.encoding.table_codes import Codes, Numbers
from outfold.learners.sklearn.fit import FittedEstimator, scale_of
from outfold.learners.tables.targets import Problem
from outfold.threads import thread_count

Rows = NDArray[np.float32]
"""(n, columns): numbers, then the codes of categories."""


def joined(codes: Codes, numbers: Numbers) -> Rows:
    """Numbers and codes side by side; a code is exact in float32."""
    return np.hstack([numbers, codes.astype(np.float32)])


@dataclass(frozen=True)
class Rule:
    """How a network is trained.

    Attributes:
        device: cpu, cuda:0, mps.
        seed: of all that is random in it.
        params: of the library's classes, beside those that stand here.
    """

    device: str
    seed: int
    params: dict[str, Any]

    def stopped(
        self, rows: Rows, problem: Problem, others: Rows, asked: Problem, categories: int
    ) -> tuple[FittedEstimator, int]:
        """The network of the epoch at which other rows were told best, and that epoch.

        Args:
            categories: how many of the columns, the last ones, are codes.
        """
        if self._one_class(problem):
            return self._certain(problem), 0
        centre, scale = self._scale(problem)
        estimator = self._estimator(problem)
        estimator.fit(
            rows,
            _learnt(problem, centre, scale),
            X_val=others,
            y_val=_learnt(asked, centre, scale),
            cat_indicator=_indicator(rows, categories),
        )
        (epoch,) = estimator.fit_params_["stop_epoch"].values()
        return self._fitted(estimator, problem, centre, scale), int(epoch)

    def to_epoch(self, rows: Rows, problem: Problem, categories: int, epoch: int) -> FittedEstimator:
        """The network after so many epochs, by the schedule of all of them."""
        if self._one_class(problem):
            return self._certain(problem)
        centre, scale = self._scale(problem)
        estimator = self._estimator(problem, val_fraction=0.0, stop_epoch=max(epoch, 1))
        estimator.fit(rows, _learnt(problem, centre, scale), cat_indicator=_indicator(rows, categories))
        return self._fitted(estimator, problem, centre, scale)

    def _estimator(self, problem: Problem, **further: Any) -> Any:
        import pytabkit

        kind = pytabkit.RealMLP_TD_Regressor if problem.kind == "number" else pytabkit.RealMLP_TD_Classifier
        own = {"random_state": self.seed % 2**31, "device": self.device, "n_threads": thread_count()}
        return kind(**own, **self.params, **further)

    @staticmethod
    def _scale(problem: Problem) -> tuple[float, float]:
        """Numbers come to the library, which has float32, with mean 0 and spread 1."""
        return scale_of(problem) if problem.kind == "number" else (0.0, 1.0)

    @staticmethod
    def _one_class(problem: Problem) -> bool:
        return problem.kind != "number" and len(np.unique(problem.y)) < 2

    @staticmethod
    def _certain(problem: Problem) -> FittedEstimator:
        seen = np.unique(problem.y).astype(np.int64)
        return FittedEstimator(problem.kind, problem.outputs, None, "one class", seen, 0.0, 1.0, len(problem.y))

    @staticmethod
    def _fitted(estimator: Any, problem: Problem, centre: float, scale: float) -> FittedEstimator:
        rows = len(problem.y)
        if problem.kind == "number":
            return FittedEstimator("number", 1, estimator, "values", np.empty(0, np.int64), centre, scale, rows)
        seen = np.asarray(estimator.classes_).astype(np.int64)
        return FittedEstimator(problem.kind, problem.outputs, estimator, "probabilities", seen, 0.0, 1.0, rows)


def _learnt(problem: Problem, centre: float, scale: float) -> NDArray[Any]:
    return (problem.y - centre) / scale if problem.kind == "number" else problem.y.astype(np.int64)


def _indicator(rows: Rows, categories: int) -> NDArray[np.bool_]:
    return np.arange(rows.shape[1]) >= rows.shape[1] - categories
