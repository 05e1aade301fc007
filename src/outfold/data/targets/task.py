"""What a contest asks: its target, or several of several kinds, and its metric."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from outfold.config.competition import CompetitionConfig, TargetConfig, Task
from outfold.data.targets.targets import Target, read_target
from outfold.errors import CONTEST_FILE, ConfigError, DataError, under
from outfold.hooks import Hooks
from outfold.metrics import Metric, Subtask, combined, default_metric, get_metric, output_names


def read_asked(config: CompetitionConfig, hooks: Hooks, raw: pd.DataFrame, path: Path) -> tuple[Target, Metric]:
    """The target and the metric: a metric that is defined for some tasks only helps to tell which task it is.

    Args:
        raw: the target columns by id.
        path: of the training table, for messages.

    Raises:
        DataError: missing values, or values that contradict the task that was said.
        ConfigError: keys that do not fit the values, an unknown metric, or metrics of several directions.
    """
    if config.task == "multitask":
        return _several(config, hooks, raw, path)
    target = read_target(
        raw,
        path,
        task=config.task,
        positive=config.positive,
        order=config.order,
        separator=config.tag_separator,
        allowed=_allowed(config.metric, "metric"),
    )
    return target, _metric(config.metric, target.task, hooks, "metric")


def _several(config: CompetitionConfig, hooks: Hooks, raw: pd.DataFrame, path: Path) -> tuple[Target, Metric]:
    columns, subtasks, outputs, notes = list[np.ndarray](), list[Subtask](), list[str](), list[str]()
    for name in raw:
        one = config.targets.get(str(name), TargetConfig())
        named, key = (one.metric, f"targets.{name}.metric") if one.metric else (config.metric, "metric")
        try:
            target = read_target(
                raw[[name]],
                path,
                task="ordinal" if one.order is not None else one.task,
                positive=one.positive,
                order=one.order,
                separator=config.tag_separator,
                allowed=_allowed(named, key),
            )
            metric = _metric(named, target.task, hooks, key)
        except (ConfigError, DataError) as error:
            if error.message.startswith(f"{key}: "):
                raise
            if error.message.startswith(f"{CONTEST_FILE}: "):
                told = f"targets.{name}.{error.message.removeprefix(f'{CONTEST_FILE}: ')}"
                raise type(error)(told, remedy=error.remedy) from None
            raise type(error)(f"target {name}: {error.message}", remedy=error.remedy) from None
        y = target.y.reshape(len(raw), -1)
        start, first = sum(part.shape[1] for part in columns), len(outputs)
        columns.append(y.astype(np.float64))
        outputs += output_names(str(name), target.task, target.classes)
        subtasks.append(
            Subtask(
                name=str(name),
                task=target.task,
                classes=None if target.classes is None else tuple(target.classes),
                metric=metric,
                weight=one.weight,
                truth=slice(start, start + y.shape[1]),
                outputs=slice(first, len(outputs)),
                written=None if target.written is None else tuple(target.written),
                positive_is_said=one.positive is not None,
            )
        )
        notes += target.notes
    if len(set(outputs)) < len(outputs):
        twice = next(name for name in outputs if outputs.count(name) > 1)
        raise ConfigError(f"{path}: two outputs would be called {twice!r}", remedy="Rename a target column.")
    return Target("multitask", None, outputs, np.hstack(columns), tuple(notes)), combined(subtasks)


def _hook(named: str | None) -> str | None:
    """The function's name, where a metric is one of the user's."""
    text = named or ""
    return text.removeprefix("hooks.py:").removeprefix("hooks:") if text.startswith(("hooks.py:", "hooks:")) else None


def _allowed(named: str | None, key: str) -> tuple[Task, ...]:
    with under(key):
        return get_metric(named).tasks if named and _hook(named) is None else ()


def _metric(named: str | None, task: Task, hooks: Hooks, key: str) -> Metric:
    hook = _hook(named)
    with under(key):
        return get_metric(named or default_metric(task), task=task) if hook is None else hooks.metric(hook, task)
