"""Estimators that are only like scikit-learn's, as those of other libraries are."""

from __future__ import annotations

from typing import Any

import numpy as np


class Majority:
    """The shares of the classes, whatever the row: no base class, no parameters, no tags."""

    def fit(self, X: Any, y: Any) -> Majority:
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_ = counts / counts.sum()
        return self

    def predict(self, X: Any) -> np.ndarray:
        return np.repeat(self.classes_[self.shares_.argmax()], len(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        return np.tile(self.shares_, (len(X), 1))


class Mute:
    """Learns, and never says anything."""

    def fit(self, X: Any, y: Any) -> Mute:
        return self


class Broken(Majority):
    """Refuses everything."""

    def fit(self, X: Any, y: Any) -> Broken:
        raise ArithmeticError("no rows,\n  no model")
