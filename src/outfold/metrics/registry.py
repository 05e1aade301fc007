"""The metrics by name, and a user's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, get_args

from numpy.typing import NDArray

from outfold.errors import ConfigError, nearest, quoted, some
from outfold.metrics import labels, probability, ranking, regression
from outfold.metrics.metric import Metric, Wants
from outfold.metrics.ranking import by_column
from outfold.metrics.truth import TASKS, Task

_BINARY: tuple[Task, ...] = ("binary",)
_ONE_LABEL: tuple[Task, ...] = ("binary", "multiclass", "ordinal")
_MANY: tuple[Task, ...] = ("multiclass", "multilabel")
_CLASSES: tuple[Task, ...] = ("binary", "multiclass", "ordinal", "multilabel")
_UNORDERED: tuple[Task, ...] = ("binary", "multiclass", "multilabel")
_MULTILABEL: tuple[Task, ...] = ("multilabel",)
_VALUES: tuple[Task, ...] = ("regression",)
_AMOUNTS: tuple[Task, ...] = ("ordinal", "regression")

# Every function here is a module's own or a partial of one, so that a Metric can be sent to another process.
_TABLE: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", True, "labels", _CLASSES, labels.accuracy),
        Metric("balanced_accuracy", True, "labels", _ONE_LABEL, labels.balanced_accuracy),
        Metric("f1", True, "labels", _BINARY, labels.f_binary),
        Metric("f1_macro", True, "labels", _CLASSES, labels.f_macro),
        Metric("f1_micro", True, "labels", _CLASSES, labels.f_micro),
        Metric("f1_samples", True, "labels", _MULTILABEL, labels.f_samples),
        Metric("f2", True, "labels", _BINARY, partial(labels.f_binary, beta=2.0)),
        Metric("f2_samples", True, "labels", _MULTILABEL, partial(labels.f_samples, beta=2.0)),
        Metric("mcc", True, "labels", _ONE_LABEL, labels.mcc),
        Metric("qwk", True, "labels", ("binary", "multiclass", "ordinal", "regression"), labels.qwk),
        Metric("log_loss", False, "probabilities", _CLASSES, probability.log_loss),
        Metric("mean_columnwise_log_loss", False, "probabilities", _MULTILABEL, probability.log_loss),
        Metric("brier", False, "probabilities", _CLASSES, probability.brier),
        Metric("auc", True, "ranks", _BINARY, ranking.auc),
        Metric("auc_macro", True, "ranks", _MANY, partial(by_column, ranking.auc)),
        Metric("mean_columnwise_auc", True, "ranks", _MULTILABEL, partial(by_column, ranking.auc)),
        Metric("average_precision", True, "ranks", _UNORDERED, partial(by_column, ranking.average_precision)),
        Metric("gini", True, "ranks", ("binary", "regression"), partial(by_column, ranking.gini)),
        Metric("rmse", False, "values", _AMOUNTS, regression.rmse),
        Metric("mean_columnwise_rmse", False, "values", _VALUES, regression.mean_columnwise_rmse),
        Metric("rmsle", False, "values", _VALUES, regression.rmsle),
        Metric("rmspe", False, "values", _VALUES, regression.rmspe),
        Metric("mae", False, "values", _AMOUNTS, regression.mae),
        Metric("mape", False, "values", _VALUES, regression.mape),
        Metric("smape", False, "values", _VALUES, regression.smape),
        Metric("r2", True, "values", _VALUES, regression.r2),
        Metric("pearson", True, "values", _VALUES, regression.pearson),
        # with a number in place of k: map@5
        Metric("map@k", True, "probabilities", _MANY, ranking.map_at),
        Metric("top_k@k", True, "probabilities", ("multiclass",), ranking.top_k),
    )
}

METRICS: tuple[str, ...] = tuple(_TABLE)
"""Names that :func:`get_metric` knows; ``@k`` stands for a number, as in ``map@5``."""

_DEFAULTS: dict[Task, str] = {
    "binary": "auc",
    "multiclass": "log_loss",
    "ordinal": "qwk",
    "multilabel": "mean_columnwise_log_loss",
    "regression": "rmse",
}


def get_metric(name: str, *, task: Task | None = None) -> Metric:
    """The metric of that name, bound to the task if one is given.

    Raises:
        ConfigError: there is no such metric, or it is not defined for the task.
    """
    metric = _TABLE.get(name) if "@" not in name else _at(name)
    if metric is None:
        stem = name.partition("@")[0]
        hint = nearest(name, METRICS) or nearest(stem, METRICS)
        raise ConfigError(
            f"unknown metric {quoted(name)}" + (f": {hint}" if hint else ""),
            remedy=f"Metrics: {', '.join(METRICS)}. One of your own is written `metric: hooks:function`.",
        )
    if task is None:
        return metric
    if task not in metric.tasks:
        fitting = [other.name for other in _TABLE.values() if task in other.tasks]
        raise ConfigError(
            f"metric {name} is not defined for a {task} task, only for {' and '.join(metric.tasks)}",
            remedy=f"Metrics for {task}: {', '.join(fitting)}.",
        )
    return replace(metric, task=task)


def _at(name: str) -> Metric | None:
    """``map@5``: the family with its number."""
    stem, _, number = name.partition("@")
    family = _TABLE.get(f"{stem}@k")
    if family is None:
        return None
    if not re.fullmatch(r"[1-9]\d*", number):
        raise ConfigError(f"metric {quoted(name)} needs a whole number above 0 after the @, such as {stem}@5")
    return replace(family, name=name, function=partial(family.function, k=int(number)))


def custom_metric(
    function: Callable[..., Any],
    name: str,
    *,
    greater_is_better: bool = True,
    wants: Wants = "probabilities",
    task: Task | None = None,
) -> Metric:
    """A metric from a user's own ``function(y_true, y_pred)``.

    Attributes of the function called ``greater_is_better`` and ``wants`` come before the arguments, so that the hook
    says them where it is written. The function gets copies, which it may change: ``y_true`` as :meth:`Metric.score`
    does, ``y_pred`` (n,) where the task has one output and else (n, k); both are (n, k) for multilabel, whatever k.
    With ``wants = "labels"`` it gets integer labels, by the rule of :func:`outfold.metrics.to_labels`.

    Raises:
        ConfigError: ``wants`` is not one of the four kinds.
    """
    wants = getattr(function, "wants", wants)
    if wants not in get_args(Wants):
        raise ConfigError(f"metric {name}: wants = {quoted(wants)}, expected one of {some(get_args(Wants))}")
    better = bool(getattr(function, "greater_is_better", greater_is_better))
    return Metric(name, better, wants, TASKS, partial(_on_copies, function), task)


def _on_copies(function: Callable[..., Any], y: NDArray[Any], predicted: NDArray[Any]) -> Any:
    return function(y.copy(), predicted.copy())


def default_metric(task: Task) -> str:
    """The metric of a contest that names none."""
    return _DEFAULTS[task]
