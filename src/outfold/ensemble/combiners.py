"""The combiners by name, and the mean of several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from outfold.ensemble.greedy import Greedy, HillClimb
from outfold.ensemble.problem import Array, Combiner, Fitted, Problem, Task, WeightedMean, valid_outputs
from outfold.ensemble.simplex import Simplex
from outfold.ensemble.stack import Stack
from outfold.errors import ConfigError, nearest, some


@dataclass(frozen=True)
class RankMean:
    """The mean of the members' ranks among the out-of-fold predictions."""

    def fit(self, P: Array, problem: Problem) -> Fitted:
        """Store each member's sorted out-of-fold predictions."""
        return FittedRanks(np.sort(P, axis=1))


@dataclass(frozen=True, eq=False)
class FittedRanks:
    """``known`` (members, n, outputs): sorted along the rows.

    Any row is ranked among the known ones and never among the rows beside it, so that a prediction does not depend on
    which other rows were asked for, and a test set with more positives keeps them.
    """

    known: Array

    @property
    def weights(self) -> Array:
        """(members,) even."""
        return np.full(len(self.known), 1.0 / len(self.known))

    def predict(self, P: Array) -> Array:
        """(members, n, outputs) to (n, outputs) float32: the mean share of known predictions below, ties by half."""
        total = np.zeros(P.shape[1:], dtype=np.float64)
        for known, member in zip(self.known, P, strict=True):
            for k in range(member.shape[1]):
                below = np.searchsorted(known[:, k], member[:, k], side="left")
                upto = np.searchsorted(known[:, k], member[:, k], side="right")
                total[:, k] += (below + upto) / (2.0 * len(known))
        return (total / len(self.known)).astype(np.float32)


FEW_ROWS = 1_000


@dataclass(frozen=True)
class Uniform:
    """The plain mean of the members."""

    def fit(self, P: Array, problem: Problem) -> Fitted:
        """Nothing is fitted."""
        return WeightedMean(np.full(len(P), 1.0 / len(P)), problem.task)


@dataclass(frozen=True)
class MeanOf:
    """The mean of what several combiners predict."""

    combiners: tuple[Combiner, ...]

    def fit(self, P: Array, problem: Problem) -> Fitted:
        """Fit each of them on the same rows."""
        return FittedMean(tuple(combiner.fit(P, problem) for combiner in self.combiners), problem.task)


@dataclass(frozen=True, eq=False)
class FittedMean:
    """The mean of fitted combiners' predictions."""

    fitted: tuple[Fitted, ...]
    task: Task

    @property
    def weights(self) -> Array | None:
        """The mean of the weights of those that have weights."""
        known = [weights for weights in (each.weights for each in self.fitted) if weights is not None]
        return np.mean(known, axis=0) if known else None

    def predict(self, P: Array) -> Array:
        """(members, n, outputs) to (n, outputs) of the members' type."""
        total = np.zeros(P.shape[1:], dtype=np.float64)
        for each in self.fitted:
            total += each.predict(P)
        return valid_outputs(total / len(self.fitted), self.task, P.dtype)


def _mean3(problem: Problem) -> Combiner:
    if len(problem) < FEW_ROWS and problem.metric.wants == "ranks":
        return MeanOf((Greedy(bags=20), Uniform(), Simplex(), Stack()))
    return MeanOf((Greedy(), Simplex(), Stack()))


COMBINERS: dict[str, Callable[[Problem], Combiner]] = {
    "mean3": _mean3,
    "ges": lambda problem: Greedy(),
    "greedy": lambda problem: Greedy(),
    "simplex": lambda problem: Simplex(),
    "stack": lambda problem: Stack(),
    "mean": lambda problem: Uniform(),
    "rank_mean": lambda problem: RankMean(),
    "hill_climb": lambda problem: HillClimb(),
}
"""A combiner for a problem, by name. ``mean3``, the default, is the mean of greedy selection, simplex weights and the
stacker; under 1,000 rows with a metric on ranks, bagged greedy selection and the plain mean take greedy's place."""


def get_combiner(name: str, problem: Problem) -> Combiner:
    """The combiner of this name, as it suits the problem's size and metric.

    Raises:
        ConfigError: there is none of this name, or it does not go with the metric or the task.
    """
    if name not in COMBINERS:
        raise ConfigError(
            f"combiner: {name!r} is not known; known are {some(COMBINERS, 20)}", remedy=nearest(name, list(COMBINERS))
        )
    if name == "rank_mean" and (problem.metric.wants != "ranks" or problem.task not in ("binary", "multilabel")):
        raise ConfigError(
            f"combiner: rank_mean goes with a metric on ranks (auc) and a binary or multilabel task, "
            f"not with {problem.metric.name} and {problem.task}",
            remedy="Use mean3, the default, or mean.",
        )
    return COMBINERS[name](problem)
