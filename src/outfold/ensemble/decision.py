"""How outputs become the labels that a metric scores: decided on some rows, for use on others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from outfold.ensemble.problem import Array
from outfold.ensemble.thresholds import decide, kept_type, rating_span, tune_thresholds
from outfold.metrics import Metric, Task


@dataclass(frozen=True, eq=False)
class Decision:
    """Thresholds, and what they were tuned for.

    Attributes:
        task: of the contest, or of one of its targets.
        thresholds: as :func:`outfold.ensemble.tune_thresholds` gives them.
        span: the least and greatest rating that cut points were tuned for; None unless the task is regression.
        targets: of a multitask contest: each target's own decision, and its columns of the outputs.
    """

    task: Task
    thresholds: Array | None = None
    span: tuple[float, float] | None = None
    targets: Mapping[str, tuple[slice, Decision]] = field(default_factory=dict)

    @classmethod
    def tuned(cls, metric: Metric, y: Array, outputs: Array, *, task: Task) -> Decision:
        """The decision with the best score on these rows; of several targets, each one's own."""
        if metric.subtasks:
            found = {
                one.name: (one.outputs, cls.tuned(one.metric, one.truth_of(y), one.outputs_of(outputs), task=one.task))
                for one in metric.subtasks
            }
            return cls(task, targets=found)
        return cls(task, tune_thresholds(metric, y, outputs, task=task), rating_span(y, task))

    def __call__(self, outputs: Array) -> Array:
        """Outputs (n, outputs) float32 that say the labels themselves; those that nothing decides stay as they are."""
        if not self.targets:
            return decide(outputs, self.thresholds, task=self.task, span=self.span)
        decided = np.array(outputs, dtype=kept_type(outputs))
        for columns, one in self.targets.values():
            decided[:, columns] = one(outputs[:, columns])
        return decided

    def facts(self) -> list[float] | dict[str, Any] | None:
        """The thresholds for a manifest: numbers, or by target; None where there are none."""
        if self.targets:
            found = {name: one.facts() for name, (_, one) in self.targets.items()}
            return found if any(found.values()) else None
        return None if self.thresholds is None else [float(limit) for limit in self.thresholds]


@dataclass(frozen=True, eq=False)
class NestedThresholds:
    """What :func:`nested_thresholds` finds."""

    score: float
    """Of all rows together, each decided by the thresholds of the other folds."""
    labels: Array
    """(n, outputs) float32: the decisions; scored with the metric's default thresholds they give ``score``."""
    by_fold: dict[int, Decision]
    """What decided each fold."""


def nested_thresholds(metric: Metric, y: Array, outputs: Array, fold: Array, *, task: Task) -> NestedThresholds:
    """Tune the thresholds for each fold on the rows of all others, and score all rows together.

    A metric that takes no thresholds is scored as it is.

    Args:
        metric: of the contest, bound to the task.
        y: truth, as :class:`outfold.metrics.Metric` takes it.
        outputs: (n, outputs) probabilities, or values.
        fold: (n,) fold of each row, of at least two folds.
        task: of the contest.
    """
    labels = np.array(outputs, dtype=kept_type(outputs))
    by_fold: dict[int, Decision] = {}
    for name in np.unique(fold):
        inside = fold == name
        by_fold[int(name)] = Decision.tuned(metric, y[~inside], outputs[~inside], task=task)
        labels[inside] = by_fold[int(name)](outputs[inside])
    return NestedThresholds(metric.score(y, labels), labels, by_fold)
