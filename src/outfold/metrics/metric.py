"""A metric: a number for a model's outputs, and whether more of it is better."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from outfold.errors import ConfigError
from outfold.metrics.decision import expected_class, to_labels
from outfold.metrics.truth import Task, checked, infer_task

if TYPE_CHECKING:
    from outfold.metrics.subtask import Subtask

Wants = Literal["probabilities", "labels", "ranks", "values"]


@dataclass(frozen=True)
class Metric:
    """How a contest scores.

    Attributes:
        name: as in competition.yaml.
        greater_is_better: whether a higher score is the better one.
        wants: what of the outputs counts. ``ranks``: only their order, so any monotone map of them scores the same.
            ``labels``: only the decision, so thresholds matter.
        tasks: the tasks it is defined for.
        function: ``function(y, predicted)`` on checked arrays, (n,) or (n, k); ``labels`` are given as integers.
        task: the contest's task, where it is known; None infers it from the shapes.
        subtasks: of a multitask contest: its targets, each with a metric of its own.
    """

    name: str
    greater_is_better: bool
    wants: Wants
    tasks: tuple[Task, ...]
    function: Callable[..., Any]
    task: Task | None = None
    subtasks: tuple[Subtask, ...] = ()

    def score(self, y: ArrayLike, outputs: ArrayLike, *, thresholds: ArrayLike | None = None) -> float:
        """The score of outputs (n, outputs) against the truth; nan where these rows do not define it.

        Args:
            y: binary (n,) of 0 and 1; multiclass and ordinal (n,) codes; multilabel (n, k) of 0 and 1; regression (n,)
                or (n, k); multitask (n, k), see :class:`outfold.metrics.Subtask`.
            outputs: (n, outputs): P(positive), a probability for each class or label, or values. Of an ordinal target a
                metric of values sees the expected class, counted from 0.
            thresholds: only for ``labels``: see :func:`outfold.metrics.to_labels`.

        Raises:
            DataError: missing values, or truth and outputs that do not fit.
            ConfigError: thresholds that do not fit.
        """
        if self.subtasks:
            if thresholds is not None:
                raise ConfigError(f"{self.name}: each target has thresholds of its own: decide before you score")
            return self._number(self.function(np.asarray(y), np.asarray(outputs)))
        task = self.task or infer_task(y, outputs, self.tasks)
        truth, predicted = checked(y, outputs, task, self.name)
        if self.wants == "labels":
            span = (np.rint(truth.min()), np.rint(truth.max())) if task == "regression" else None
            predicted = to_labels(predicted, task=task, thresholds=thresholds, span=span)
        elif thresholds is not None:
            raise ConfigError(
                f"{self.name} is computed from {self.wants}, not from labels: thresholds have no meaning for it"
            )
        elif self.wants == "values" and task == "ordinal":
            truth, predicted = truth.astype(np.float64), expected_class(predicted)
        return self._number(self.function(truth, predicted))

    def loss(self, y: ArrayLike, outputs: ArrayLike, *, thresholds: ArrayLike | None = None) -> float:
        """The score, negated where greater is better: what an optimiser minimises."""
        score = self.score(y, outputs, thresholds=thresholds)
        return -score if self.greater_is_better else score

    def better(self, a: float, b: float) -> bool:
        """Whether score ``a`` is strictly better than ``b``; nan is worse than any number, and not better than nan."""
        if math.isnan(a) or math.isnan(b):
            return math.isnan(b) and not math.isnan(a)
        return a > b if self.greater_is_better else a < b

    def _number(self, result: Any) -> float:
        try:
            return float(result)
        except (TypeError, ValueError):
            raise ConfigError(f"metric {self.name} returned {type(result).__name__}, expected one number") from None
