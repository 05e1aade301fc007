"""Ordered classes as yes/no questions: is the row above this class? For learners that know binary targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def steps(y: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """(n, K - 1) of 0 and 1: whether each row is above class 0, above class 1, ... (Frank & Hall 2001).

    Every question has all rows, so that a rare class at the end is told with the help of the others.
    """
    return (y[:, None] > np.arange(classes - 1)).astype(np.int64)


def step_names(outputs: Sequence[str]) -> list[str]:
    """What each question is called: ``above low``, ``above medium``."""
    return [f"above {name}" for name in outputs[:-1]]


def class_probabilities(above: NDArray[Any]) -> NDArray[np.float64]:
    """(n, K) from (n, K - 1) probabilities P(y > k): their differences.

    Answers of models that do not know of each other may rise with k, where none can; each then counts as the least
    before it, so that no class is less than 0 and a row sums to 1.
    """
    falling = np.minimum.accumulate(np.asarray(above, dtype=np.float64), axis=1)
    edges = np.pad(falling, ((0, 0), (1, 1)), constant_values=((0, 0), (1, 0)))
    differences: NDArray[np.float64] = -np.diff(edges, axis=1)
    return differences
