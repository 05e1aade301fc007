"""One penalised linear model: its fit by scikit-learn, and what it says of rows, from its coefficients alone."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from outfold.learners.tables.targets import Array, Kind, Problem
from outfold.threads import one_thread


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Coefficients (outputs, columns) and intercepts (outputs,), float64; -inf for a class that was never seen."""

    kind: Kind
    coefficients: Array
    intercepts: Array

    def predict(self, matrix: Any) -> Array:
        """(n, outputs): a probability, probabilities that sum to 1, or values."""
        with one_thread():
            z = np.asarray(matrix @ self.coefficients.T) + self.intercepts
        if self.kind == "number":
            return z
        if self.kind == "binary":
            return 0.5 * (1.0 + np.tanh(0.5 * z))
        z = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(z / z.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Solver:
    """How a model is fitted.

    Logistic regression minimises C · (sum of the log loss) + penalty; a regression (mean squared error of standardised
    targets) / 2 + alpha · penalty, with penalty = l1_ratio · |w|_1 + (1 - l1_ratio) · |w|_2^2 / 2. (Zou & Hastie 2005.)

    Attributes:
        l1_ratio: 0 is ridge, 1 lasso.
        max_iter: the most iterations.
        seed: of the solver that an L1 penalty of classes needs.
    """

    l1_ratio: float
    max_iter: int
    seed: int

    def fit(self, matrix: Any, problem: Problem, strength: float) -> tuple[LinearModel, bool]:
        """The model, and whether its iterations came to an end.

        Args:
            matrix: (n, columns), an array or sparse.
            strength: C of classes, alpha of numbers.
        """
        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings(record=True) as told, one_thread():
            warnings.simplefilter("always", ConvergenceWarning)
            solve = self._number if problem.kind == "number" else self._classes
            model = solve(matrix, problem, strength)
        return model, not any(issubclass(warning.category, ConvergenceWarning) for warning in told)

    def _number(self, matrix: Any, problem: Problem, alpha: float) -> LinearModel:
        from sklearn.linear_model import ElasticNet, Ridge

        weight = np.ones(len(problem.y)) if problem.weight is None else problem.weight
        centre = float(np.average(problem.y, weights=weight))
        scale = float(np.sqrt(np.average(np.square(problem.y - centre), weights=weight)))
        if scale <= 1e-10 * max(abs(centre), 1e-100):
            return LinearModel("number", np.zeros((1, matrix.shape[1])), np.array([centre]))
        y = (problem.y - centre) / scale
        if self.l1_ratio:
            model = ElasticNet(alpha=alpha, l1_ratio=self.l1_ratio, max_iter=self.max_iter)
        else:
            model = Ridge(alpha=alpha * float(weight.sum()))
        model.fit(matrix, y, sample_weight=weight)
        coefficients = np.asarray(model.coef_, dtype=np.float64).reshape(1, -1) * scale
        return LinearModel("number", coefficients, np.array([float(model.intercept_) * scale + centre]))

    def _classes(self, matrix: Any, problem: Problem, strength: float) -> LinearModel:
        from sklearn.linear_model import LogisticRegression

        seen = np.unique(problem.y)
        coefficients = np.zeros((problem.outputs, matrix.shape[1]))
        if len(seen) == 1:
            return LinearModel(problem.kind, coefficients, _certain(problem.kind, int(seen[0]), problem))
        options: dict[str, Any] = {"C": strength, "max_iter": self.max_iter}
        if self.l1_ratio:
            options |= {"l1_ratio": self.l1_ratio, "solver": "saga", "random_state": self.seed}
            if LogisticRegression().penalty == "l2":  # before 1.8, l1_ratio had to be announced
                options["penalty"] = "elasticnet"
        model = LogisticRegression(**options).fit(matrix, problem.y, sample_weight=problem.weight)
        if problem.kind == "binary":
            return LinearModel("binary", np.asarray(model.coef_), np.asarray(model.intercept_))
        intercepts = np.full(problem.outputs, -np.inf)
        if len(seen) == 2:
            # scikit-learn has one row of coefficients then, those of the second class
            coefficients[seen[1]], intercepts[seen] = model.coef_[0], [0.0, float(model.intercept_[0])]
        else:
            coefficients[seen], intercepts[seen] = model.coef_, model.intercept_
        return LinearModel("classes", coefficients, intercepts)


def _certain(kind: Kind, code: int, problem: Problem) -> Array:
    """Intercepts where training has one class only: that class, as surely as its rows, and one against it, allow."""
    if kind == "classes":
        return np.where(np.arange(problem.outputs) == code, 0.0, -np.inf)
    surely = np.log(len(problem.y) + 1.0)
    return np.array([surely if code == 1 else -surely])
