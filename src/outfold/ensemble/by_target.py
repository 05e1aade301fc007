"""Several targets of several kinds: each is blended by itself, as if it were alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from outfold.ensemble.problem import Array, Combiner, Fitted, Problem
from outfold.errors import ConfigError
from outfold.metrics import Subtask


@dataclass(frozen=True)
class ByTarget:
    """A combiner for each target, on its own truth, outputs and metric.

    Args:
        make: the combiner for the problem of one target.
    """

    make: Callable[[Problem], Combiner]

    def fit(self, P: Array, problem: Problem) -> Fitted:
        """Fit each target's combiner on all of these rows."""
        subtasks = problem.metric.subtasks
        makers = self.makers(problem)
        fitted = [
            maker.fit(subtask.outputs_of(P), problem_of(problem, subtask))
            for subtask, maker in zip(subtasks, makers, strict=True)
        ]
        return FittedByTarget(subtasks, tuple(fitted))

    def makers(self, problem: Problem) -> list[Combiner]:
        """The combiner of each target.

        Raises:
            ConfigError: it does not go with the metric or the task of a target; the target is named.
        """
        found = []
        for subtask in problem.metric.subtasks:
            try:
                found.append(self.make(problem_of(problem, subtask)))
            except ConfigError as error:
                raise ConfigError(f"target {subtask.name}: {error.message}", remedy=error.remedy) from None
        return found


@dataclass(frozen=True, eq=False)
class FittedByTarget:
    """The fitted combiner of each target."""

    subtasks: tuple[Subtask, ...]
    fitted: tuple[Fitted, ...]

    @property
    def weights_by_target(self) -> dict[str, Array]:
        """(members,) of each target whose combiner has weights."""
        every = {subtask.name: each.weights for subtask, each in zip(self.subtasks, self.fitted, strict=True)}
        return {name: weights for name, weights in every.items() if weights is not None}

    @property
    def weights(self) -> Array | None:
        """(members,) the mean over the targets, each weighing as its metric does; None where one has no weights."""
        own = self.weights_by_target
        if len(own) < len(self.subtasks):
            return None
        mean: Array = np.average(list(own.values()), axis=0, weights=[subtask.weight for subtask in self.subtasks])
        return mean

    def predict(self, P: Array) -> Array:
        """(members, n, outputs) to (n, outputs) of the members' type."""
        found = np.empty(P.shape[1:], dtype=P.dtype)
        for subtask, each in zip(self.subtasks, self.fitted, strict=True):
            found[:, subtask.outputs] = each.predict(subtask.outputs_of(P))
        return found


def problem_of(problem: Problem, subtask: Subtask) -> Problem:
    """The same rows, asked about one target."""
    return replace(problem, y=subtask.truth_of(problem.y), task=subtask.task, metric=subtask.metric)


def each_target(P: Array, subtasks: Sequence[Subtask], check: Callable[[Array, Subtask], Array]) -> Array:
    """The members with every target's outputs checked by themselves: (members, n, outputs) float32."""
    return np.concatenate([check(subtask.outputs_of(P), subtask) for subtask in subtasks], axis=2)
