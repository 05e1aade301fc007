"""What the models of a table learn: one for a target of classes, one a label or target for the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.contest import Contest

Array = NDArray[np.float64]
Kind = Literal["binary", "classes", "number"]
_LEAST = 1e-15


@dataclass(frozen=True, eq=False)
class Problem:
    """What a model learns.

    Attributes:
        kind: 0 or 1, one of several classes, or a number.
        y: (n,) codes or numbers.
        outputs: how many numbers the model says of a row: the classes, or 1.
        balanced: every class weighs the same.
        counts: (n,) what each row counts where they are not; None: 1.
    """

    kind: Kind
    y: NDArray[Any]
    outputs: int
    balanced: bool = False
    counts: Array | None = None

    def some(self, places: NDArray[np.int64]) -> Problem:
        """Of these rows only."""
        counts = None if self.counts is None else self.counts[places]
        return replace(self, y=self.y[places], counts=counts)

    def joined(self, y: NDArray[Any], counts: Array) -> Problem:
        """With further rows behind its own, whose class weights they share.

        Args:
            y: (m,) of the further rows.
            counts: (m,) what each counts; a row of its own counts 1.
        """
        own = np.ones(len(self.y)) if self.weight is None else self.weight
        if self.balanced:
            classes, first = np.unique(self.y, return_index=True)
            there = np.isin(y, classes)
            counts = counts.copy()
            counts[there] *= own[first][np.searchsorted(classes, y[there])]
        counts = np.concatenate([own, counts])
        return replace(self, y=np.concatenate([self.y, y]), counts=counts, balanced=False)

    @property
    def weight(self) -> Array | None:
        """(n,), or None where all rows weigh the same."""
        if not self.balanced:
            return self.counts
        _, codes, counts = np.unique(self.y, return_inverse=True, return_counts=True)
        return np.asarray(len(self.y) / (len(counts) * counts), dtype=np.float64)[codes]

    def loss(self, said: Array) -> float:
        """The mean log loss, or the mean squared error, of predictions (n, outputs)."""
        if self.kind == "number":
            return float(np.mean(np.square(said[:, 0] - self.y)))
        of_truth = said[np.arange(len(self.y)), self.y] if self.kind == "classes" else _of_side(said[:, 0], self.y)
        return float(np.average(-np.log(np.maximum(of_truth, _LEAST)), weights=self.weight))


def _of_side(chance: Array, y: NDArray[Any]) -> Array:
    return np.asarray(np.where(y == 1, chance, 1 - chance))


def problems_of(contest: Contest, ids: pd.Index, *, balanced: bool) -> dict[str, Problem]:
    """What is asked of these training rows, by output; one model for all outputs has no name."""
    y = contest.truth(ids)
    if y.ndim == 1 and len(contest.outputs) > 1:
        return {"": Problem("classes", y, len(contest.outputs), balanced)}
    kind: Kind = "number" if contest.task == "regression" else "binary"
    columns = y.reshape(len(y), -1).T
    names = [""] if len(columns) == 1 else contest.outputs
    balanced = balanced and kind == "binary"
    return {name: Problem(kind, column, 1, balanced) for name, column in zip(names, columns, strict=True)}


def target_table(problems: dict[str, Problem], outputs: list[str]) -> tuple[Array, list[str]]:
    """The targets as numbers (n, outputs), 0 and 1 for classes, and their names."""
    if [problem.kind for problem in problems.values()] == ["classes"]:
        (problem,) = problems.values()
        return np.eye(problem.outputs)[problem.y], outputs
    return np.stack([problem.y for problem in problems.values()], axis=1).astype(np.float64), outputs


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


def questions_of(contest: Contest, ids: pd.Index, *, balanced: bool) -> dict[str, Problem]:
    """What is asked of these training rows, by output; one booster for all outputs has no name.

    An ordinal task has a booster for each step from a class to the next (see :mod:`outfold.learners.tables.targets`).
    """
    if contest.task != "ordinal":
        return problems_of(contest, ids, balanced=balanced)
    above = steps(contest.truth(ids), len(contest.outputs)).T
    names = step_names(contest.outputs)
    return {name: Problem("binary", column, 1, balanced) for name, column in zip(names, above, strict=True)}
