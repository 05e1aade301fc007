"""A metric: a number for a model's outputs, and whether more of it is better."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outfold.errors import ConfigError, OutfoldError, some
from outfold.metrics.decision import expected_class, to_labels
from outfold.metrics.truth import Task, checked, infer_task

NAME = "weighted_mean"
"""The metric of a contest of several targets."""


@dataclass(frozen=True)
class Subtask:
    """One target of a multitask contest, and where it stands among the others.

    Attributes:
        name: of its column.
        task: any but multitask.
        classes: [negative, positive], the classes, or the labels; None for regression.
        metric: of this target, bound to its task.
        weight: of its metric in the contest's score; 0 for an auxiliary target, which no file need have.
        truth: its columns of the contest's ``y``.
        outputs: its columns of the outputs.
        written: how the training table writes each class, where that differs from the class.
        positive_is_said: whether the contest file says which of two classes is positive.
    """

    name: str
    task: Task
    classes: tuple[Any, ...] | None
    metric: Metric
    weight: float
    truth: slice
    outputs: slice
    written: tuple[str, ...] | None = None
    positive_is_said: bool = False

    def truth_of(self, y: NDArray[Any]) -> NDArray[Any]:
        """Its own truth, of the type and shape that its task has alone, from (n, columns)."""
        own = y[:, self.truth]
        if self.task == "multilabel":
            return own.astype(np.int8)
        return own[:, 0].astype(np.float64 if self.task == "regression" else np.int64)

    def outputs_of(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Its own outputs, from (..., outputs)."""
        return outputs[..., self.outputs]

    def score(self, y: NDArray[Any], outputs: NDArray[Any]) -> float:
        """The score of its own metric, from the truth and the outputs of all targets."""
        return self.metric.score(self.truth_of(y), self.outputs_of(outputs))


def output_names(name: str, task: Task, classes: Sequence[Any] | None) -> list[str]:
    """What a target's outputs are called among those of others: ``age``, ``grapheme=ka``."""
    if classes is None or task == "binary":
        return [name]
    return [f"{name}={value}" for value in classes]


def combined(subtasks: Sequence[Subtask]) -> Metric:
    """The weighted mean of the targets' metrics, as one metric.

    Raises:
        ConfigError: of some less is better, and of others more.
    """
    scored = [one for one in subtasks if one.weight]
    directions = {one.metric.greater_is_better for one in scored}
    if len(directions) > 1:
        told = [f"{one.metric.name} of {one.name} ({_better(one.metric)})" for one in scored]
        raise ConfigError(
            f"competition/competition.yaml: targets: a mean of metrics needs one direction; better is: {some(told, 9)}",
            remedy="Choose metrics of one direction (r2 beside f1_macro, rmse beside log_loss).",
        )
    kept = tuple(subtasks)
    mean = partial(_weighted_mean, kept)
    return Metric(NAME, directions.pop(), "values", ("multitask",), mean, "multitask", kept)


def _better(metric: Metric) -> str:
    return "greater" if metric.greater_is_better else "less"


def _weighted_mean(subtasks: Sequence[Subtask], y: NDArray[Any], outputs: NDArray[Any]) -> float:
    scored = [one for one in subtasks if one.weight]
    scores = [one.score(y, outputs) for one in scored]
    return float(np.average(scores, weights=[one.weight for one in scored]))


def columns_by_target(
    subtasks: Sequence[Subtask], columns: Sequence[str], what: str, error: type[OutfoldError]
) -> Mapping[str, dict[str, str]]:
    """Which columns of a file speak of which target, and what they would be called if it were alone.

    A target is one column of its own name, or a column a class: ``grapheme=ka``, ``grapheme_ka``, or ``ka``.

    Args:
        columns: of the file, without its ids.
        what: the file, for messages.

    Returns:
        By target: from each column's name in the file to the target's name, or its class. Auxiliary targets may be left
        out.

    Raises:
        error: a target without columns, a column of no target, or one of two.
    """
    found = {one.name: _own(one, columns) for one in subtasks}
    lacking = [one.name for one in subtasks if one.weight and not found[one.name]]
    taken = [column for own in found.values() for column in own]
    left = [column for column in columns if column not in taken]
    twice = sorted({column for column in taken if taken.count(column) > 1})
    told = [f"the targets {some(lacking)} have no column in it"] if lacking else []
    told += [f"its columns {some(left)} are of no target"] if left else []
    told += [f"its columns {some(twice)} could be of several targets"] if twice else []
    if told:
        raise error(
            f"{what}: {'; '.join(told)}",
            remedy="A target is a column of its own name, or one column a class: <target>=<class>, <target>_<class> or "
            "<class>.",
        )
    return {name: own for name, own in found.items() if own}


def _own(subtask: Subtask, columns: Sequence[str]) -> dict[str, str]:
    if subtask.name in columns:
        return {subtask.name: subtask.name}
    names = [str(value) for value in subtask.classes or ()]
    for pattern in (f"{subtask.name}=%s", f"{subtask.name}_%s", "%s"):
        # not with %: a class may hold one
        known = {pattern.replace("%s", name): name for name in names}
        if known and set(known) <= set(columns):
            return {column: known[column] for column in columns if column in known}
    return {}


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
