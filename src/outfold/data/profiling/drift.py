"""How far a column's test values are from its training values, and how far chance alone would put them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Drift(NamedTuple):
    """The distance between two samples of a column.

    Attributes:
        distance: 0 alike, 1 nothing in common.
        chance: the distance that two samples of these sizes from one source would have.
        unseen: the share of test rows whose category training has not; 0 for numbers.
    """

    distance: float
    chance: float
    unseen: float = 0.0

    @property
    def excess(self) -> float:
        """What chance does not explain."""
        return max(0.0, self.distance - self.chance)


def of_numbers(train: Array, test: Array) -> Drift | None:
    """The Kolmogorov-Smirnov distance of the values that are there; None where a part has none.

    ``chance`` is its 95% point (1.36 sqrt(1/n + 1/m)).
    """
    first, second = (np.sort(values[np.isfinite(values)]) for values in (train, test))
    if not len(first) or not len(second):
        return None
    steps = np.concatenate([first, second])
    below = [np.searchsorted(values, steps, side="right") / len(values) for values in (first, second)]
    return Drift(float(np.abs(below[0] - below[1]).max()), 1.36 * np.sqrt(1 / len(first) + 1 / len(second)))


def of_categories(train: pd.Series, test: pd.Series) -> Drift | None:
    """The total variation distance, half the sum of |p - q|, of the values that are there; None where a part has none.

    ``chance`` is its mean for two samples of the pooled frequencies.
    """
    first, second = (values.dropna().value_counts() for values in (train, test))
    n, m = int(first.sum()), int(second.sum())
    if not n or not m:
        return None
    both = pd.DataFrame({"train": first, "test": second}).fillna(0.0)
    distance = 0.5 * float((both["train"] / n - both["test"] / m).abs().sum())
    pooled = (both["train"] + both["test"]) / (n + m)
    chance = 0.5 * float(np.sqrt(2 / np.pi * pooled * (1 - pooled) * (1 / n + 1 / m)).sum())
    return Drift(distance, chance, float(both.loc[both["train"] == 0, "test"].sum()) / m)
