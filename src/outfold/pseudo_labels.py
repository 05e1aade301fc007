"""Pseudo-labels: the test rows on which several models are sure, and what they predict for them.

Lee 2013, *Pseudo-label: the simple and efficient semi-supervised learning method for deep neural networks*. Nothing
here is fitted, and nothing looks at a label: what a model of fold k learns from depends on the models of fold k alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.config.competition import Task
from outfold.metrics import PER_CLASS


@dataclass(frozen=True, eq=False)
class PseudoLabels:
    """Test rows to learn from beside a fold's training rows.

    Attributes:
        ids: (n,) of the test rows, in the order of the test table.
        targets: (n, outputs) of the teachers' type: distributions over the classes, probabilities of labels, or values.
        weight: of each row in the loss; a training row has 1.
        limit: the least confidence that was asked for, or that was needed to be among the share; of numbers, the
            greatest spread.
    """

    ids: pd.Index
    targets: NDArray[np.float32]
    weight: float
    limit: float

    def some(self, mask: NDArray[np.bool_]) -> PseudoLabels:
        """These rows only."""
        return replace(self, ids=self.ids[mask], targets=self.targets[mask])

    def truth(self, task: Task) -> NDArray[Any]:
        """The likeliest truth of each row, of the type and shape of :attr:`outfold.contest.Contest.y`."""
        if task in PER_CLASS:
            return self.targets.argmax(axis=1).astype(np.int64)
        if task == "multilabel":
            return (self.targets >= 0.5).astype(np.int8)
        if task == "binary":
            return (self.targets[:, 0] >= 0.5).astype(np.int64)
        values = self.targets.astype(np.float64)
        return values[:, 0] if values.shape[1] == 1 else values


def choose(
    ids: pd.Index,
    votes: Sequence[NDArray[np.float32]],
    task: Task,
    *,
    confidence: float | None,
    share: float | None,
    labels: Literal["soft", "hard"],
    weight: float,
) -> PseudoLabels:
    """The rows of which the models are surest, and their mean as the target.

    A pipeline is the mean of its members, and the target the mean of the pipelines: each counts the same.

    Args:
        ids: (n,) of all test rows.
        votes: of each pipeline, (members, n, outputs).
        confidence: take the rows that are at least so sure; see :func:`confidences`.
        share: where that is None, take this share of the rows, the surest first.
    """
    target = np.mean([np.mean(members, axis=0, dtype=np.float64) for members in votes], axis=0)
    sure = -spreads(votes, target) if task == "regression" else confidences(target, task)
    if confidence is not None:
        chosen = np.flatnonzero(sure >= confidence)
        limit = confidence
    else:
        count = max(1, round((share or 0.0) * len(ids)))
        chosen = np.sort(np.argsort(-sure, kind="stable")[:count])
        limit = float(sure[chosen].min())
    taken = target[chosen]
    if labels == "hard":
        taken = _certain(taken, task)
    kept = np.result_type(np.float32, *(members.dtype for members in votes))
    return PseudoLabels(ids[chosen], taken.astype(kept), weight, abs(limit))


def confidences(target: NDArray[np.float64], task: Task) -> NDArray[np.float64]:
    """How sure each row is, (n,): the probability of its likeliest class; of tags, that of the least certain one."""
    if task in PER_CLASS:
        return np.asarray(target.max(axis=1))
    return np.asarray(np.maximum(target, 1 - target).min(axis=1))


def spreads(votes: Sequence[NDArray[np.float32]], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the members of all pipelines lie apart in each row, (n,).

    The root of their mean squared distance from ``target``, each pipeline counting the same, in units of the spread
    that the target has over the rows; the mean over the targets.
    """
    apart = np.mean([np.mean(np.square(members - target), axis=0) for members in votes], axis=0)
    scale = target.std(axis=0)
    return np.asarray((np.sqrt(apart) / np.where(scale > 0, scale, 1.0)).mean(axis=1))


def _certain(target: NDArray[np.float64], task: Task) -> NDArray[np.float64]:
    if task in PER_CLASS:
        return np.eye(target.shape[1])[target.argmax(axis=1)]
    return (target >= 0.5).astype(np.float64)
