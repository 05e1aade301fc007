"""Metrics of probabilities: how sure, and how often rightly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

EPSILON = 1e-15
"""Kaggle replaces a probability p by max(min(p, 1 - 1e-15), 1e-15) before taking its logarithm."""


def log_loss(y: NDArray[Any], probabilities: NDArray[Any]) -> float:
    """Mean negative log-likelihood in nats, with Kaggle's clipping; multiclass rows are first divided by their sum.

    Binary and multilabel: the mean over all rows and columns of -log P(truth). Multiclass: the mean over rows.
    """
    if y.ndim == probabilities.ndim:
        # clipped as float64: 1 - 1e-15 is 1 in float32, and the loss of one wrong row would be infinite
        likelihood = np.where(y == 1, probabilities, 1 - probabilities)
    else:
        raised = np.maximum(probabilities, EPSILON)  # a row of zeros becomes uniform, not 0 / 0
        likelihood = raised[np.arange(len(y)), y] / raised.sum(axis=1)
    return float(-np.log(np.clip(likelihood, EPSILON, 1 - EPSILON)).mean())


def brier(y: NDArray[Any], probabilities: NDArray[Any]) -> float:
    """Mean squared error of the probabilities (Brier, 1950).

    Binary and multilabel: the mean over rows and columns, from 0 to 1. Multiclass: squares are summed over
    the classes, from 0 to 2.
    """
    if y.ndim == probabilities.ndim:
        return float(np.square(probabilities - y).mean())
    true = probabilities[np.arange(len(y)), y]
    return float((np.square(probabilities).sum(axis=1) - 2 * true + 1).mean())
