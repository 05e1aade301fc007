"""From raw scores to what they mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def sigmoid(raw: NDArray[Any]) -> Array:
    """Probabilities from log-odds."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(raw, dtype=np.float64))))


def softmax(raw: NDArray[Any]) -> Array:
    """(n, classes) probabilities of sum 1 from raw scores."""
    risen = np.exp(raw - np.max(raw, axis=1, keepdims=True))
    return np.asarray(risen / risen.sum(axis=1, keepdims=True))


def shares(found: NDArray[Any]) -> Array:
    """(n, classes) probabilities of sum 1 from such as were asked for each class by itself."""
    return np.asarray(found / found.sum(axis=1, keepdims=True))
