"""What an estimator looked at: its own importances or coefficients, or what shuffling a column costs it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from outfold.data.encoding.design import spreads
from outfold.learners.tables.targets import Array, Problem

_ROWS, _COLUMNS = 300, 200
"""Of more columns than this nothing is shuffled: it would take longer than the fit."""


class Predicts(Protocol):
    """A fitted model of one problem or several."""

    @property
    def estimator(self) -> Any: ...

    def predict(self, matrix: Any) -> Array:
        """(n, outputs)."""
        ...


def shares(model: Predicts, matrix: Any, problems: list[Problem], seed: int) -> Array | None:
    """Each column's share of what the model looks at, (columns,) of sum 1; None where it cannot be told.

    ``feature_importances_``, or the size of ``coef_`` times the spread of the column, or the loss that shuffling the
    column among 300 training rows adds (Breiman 2001).
    """
    own = _said(model.estimator, matrix)
    if own is None:
        own = _shuffled(model, matrix, problems, seed)
    if own is None or not np.isfinite(own).all():
        return None
    total = own.sum()
    return np.asarray(own / total if total > 0 else own)


def _said(estimator: Any, matrix: Any) -> Array | None:
    """What the estimator says itself; of a pipeline that is about the columns that its transformers have made."""
    columns = matrix.shape[1]
    if estimator is None:
        return np.zeros(columns)
    if hasattr(estimator, "steps"):
        return None
    found = getattr(estimator, "feature_importances_", None)
    if found is not None and np.shape(found) == (columns,):
        return np.abs(np.asarray(found, dtype=np.float64))
    sizes = getattr(estimator, "coef_", None)
    if sizes is None:
        return None
    dense = np.abs(np.asarray(sizes.toarray() if hasattr(sizes, "toarray") else sizes, dtype=np.float64))
    dense = dense.reshape(-1, dense.shape[-1])
    return np.asarray(dense.sum(axis=0) * spreads(matrix)) if dense.shape[1] == columns else None


def _shuffled(model: Predicts, matrix: Any, problems: list[Problem], seed: int) -> Array | None:
    if matrix.shape[1] > _COLUMNS:
        return None
    draw = np.random.default_rng(seed)
    rows = matrix.shape[0]
    places: NDArray[np.int64] = np.sort(draw.choice(rows, min(rows, _ROWS), replace=False))
    some = matrix[places]
    some = np.array(some.toarray() if hasattr(some, "toarray") else some, dtype=np.float64)
    asked = [problem.some(places) for problem in problems]
    least = _loss(model, some, asked)
    lost = np.zeros(some.shape[1])
    for column in range(some.shape[1]):
        kept = some[:, column].copy()
        some[:, column] = draw.permutation(kept)
        lost[column] = max(0.0, _loss(model, some, asked) - least)
        some[:, column] = kept
    return lost


def _loss(model: Predicts, rows: Array, problems: list[Problem]) -> float:
    said = model.predict(rows)
    if len(problems) == 1:
        return problems[0].loss(said)
    spread = [float(np.var(problem.y)) or 1.0 if problem.kind == "number" else 1.0 for problem in problems]
    return sum(
        problem.loss(said[:, [place]]) / unit
        for place, (problem, unit) in enumerate(zip(problems, spread, strict=True))
    )
