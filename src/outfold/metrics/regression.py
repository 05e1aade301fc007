"""Metrics of values. With several columns each is over all values at once, unless it says otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from outfold.errors import DataError


def rmse(y: NDArray[Any], values: NDArray[Any]) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(np.square(values - y).mean()))


def mean_columnwise_rmse(y: NDArray[Any], values: NDArray[Any]) -> float:
    """Mean over the columns of their RMSE (Kaggle's MCRMSE)."""
    return float(np.sqrt(np.square(values - y).mean(axis=0)).mean())


def rmsle(y: NDArray[Any], values: NDArray[Any]) -> float:
    """RMSE of log(1 + value). Negative predictions count as 0.

    Raises:
        DataError: negative truth, for which it is not defined.
    """
    if y.min() < 0:
        raise DataError(
            f"rmsle: the truth goes down to {y.min():g}, expected 0 or more",
            remedy="Choose another metric in competition.yaml, or check the target column.",
        )
    return rmse(np.log1p(y), np.log1p(np.maximum(values, 0)))


def rmspe(y: NDArray[Any], values: NDArray[Any]) -> float:
    """Root of the mean squared relative error, as a fraction; truth of 0 is ignored (Rossmann), nan if all of it is."""
    some = y != 0
    return float(np.sqrt(np.square((values[some] - y[some]) / y[some]).mean())) if some.any() else float("nan")


def mae(y: NDArray[Any], values: NDArray[Any]) -> float:
    """Mean absolute error."""
    return float(np.abs(values - y).mean())


def mape(y: NDArray[Any], values: NDArray[Any]) -> float:
    """Mean absolute error relative to the truth, as a fraction; truth of 0 is ignored, nan if all of it is."""
    some = y != 0
    return float(np.abs((values[some] - y[some]) / y[some]).mean()) if some.any() else float("nan")


def smape(y: NDArray[Any], values: NDArray[Any]) -> float:
    """Symmetric mean absolute percentage error as on Kaggle: 0 to 200 percent; 0 where truth and prediction are 0."""
    size = (np.abs(y) + np.abs(values)) / 2
    return float(100 * np.divide(np.abs(values - y), size, out=np.zeros_like(size), where=size > 0).mean())


def r2(y: NDArray[Any], values: NDArray[Any]) -> float:
    """Coefficient of determination; of several columns the mean. nan if the truth of a column is constant."""
    spread = np.square(y - y.mean(axis=0)).sum(axis=0)
    error = np.square(values - y).sum(axis=0)
    varies = y.min(axis=0) < y.max(axis=0)
    return float(np.where(varies, 1 - error / np.where(varies, spread, 1), np.nan).mean())


def pearson(y: NDArray[Any], values: NDArray[Any]) -> float:
    """Pearson correlation; of several columns the mean. nan if truth or predictions of a column are constant."""
    varies = (y.min(axis=0) < y.max(axis=0)) & (values.min(axis=0) < values.max(axis=0))
    a, b = y - y.mean(axis=0), values - values.mean(axis=0)
    size = np.sqrt(np.square(a).sum(axis=0)) * np.sqrt(np.square(b).sum(axis=0))
    return float(np.where(varies, (a * b).sum(axis=0) / np.where(varies, size, 1), np.nan).mean())
