"""``stop_by``: the metric that chooses the number of rounds, on rows that no booster has learnt from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.contest import Contest
from outfold.learners.tables.targets import Problem
from outfold.metrics import Metric


@dataclass(frozen=True, eq=False)
class Watched:
    """A metric of what one booster says of the rows to choose by.

    Attributes:
        metric: bound to the task.
        truth: of these rows, (n,) or (n, outputs of the contest).
        outputs: how many numbers the booster says of a row.
        column: the booster's output among several that it does not know; the metric then sees the others as they are in
            truth.
    """

    metric: Metric
    truth: NDArray[Any]
    outputs: int
    column: int | None = None

    @classmethod
    def of(cls, metric: Metric, contest: Contest, ids: pd.Index, name: str, problem: Problem) -> Watched:
        """For the booster of this name on these rows, of which ``problem`` is asked."""
        if contest.task == "ordinal":
            return cls(metric, problem.y, 1)
        return cls(metric, contest.truth(ids), problem.outputs, list(contest.outputs).index(name) if name else None)

    @property
    def name(self) -> str:
        """The metric's name, of letters that every library can print."""
        return "".join(letter if letter.isalnum() or letter == "_" else "_" for letter in self.metric.name)

    @property
    def greater_is_better(self) -> bool:
        return self.metric.greater_is_better

    def score(self, values: NDArray[Any]) -> float:
        """Of (n, outputs) probabilities or values of the rows to choose by, in their order."""
        if self.column is not None:
            every = self.truth.astype(np.float64)
            every[:, self.column] = values[:, 0]
            values = every
        return self.metric.score(self.truth, values)

    def tells(self) -> bool:
        """Whether these rows let it tell right from wrong: without both classes there is no AUC, for one."""
        own = self.truth if self.column is None else self.truth[:, self.column]
        if self.outputs > 1:
            right = np.eye(self.outputs)[own]
            wrong = np.roll(right, 1, axis=1)
        else:
            right = own.astype(np.float64).reshape(-1, 1)
            wrong = 1 - right
        scores = self.score(right), self.score(wrong)
        return not math.isnan(scores[0]) and scores[0] != scores[1]
