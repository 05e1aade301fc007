"""Keys of an image pipeline that make sense for some tasks only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from outfold.config.competition import Task
from outfold.config.pipeline import ImagePipeline
from outfold.contest import Contest
from outfold.errors import ConfigError, some

_CLASSES: tuple[Task, ...] = ("binary", "multiclass", "multilabel")


def check_task(config: ImagePipeline, task: Task, where: str) -> None:
    """Raises ConfigError for a key that the contest's task has no use for."""

    def said(key: str) -> object:
        return getattr(config, key, None) or next((v for p in config.phases if (v := getattr(p, key, None))), None)

    for key in ("label_smoothing", "class_weight", "cutmix", "loss"):
        if said(key) and task not in _CLASSES:
            raise ConfigError(f"{where}: {key}: is for classes; this contest's task is {task}")
    balances = "balanced" in (config.sampling, *(phase.sampling for phase in config.phases))
    if balances and task not in ("binary", "multiclass"):
        raise ConfigError(f"{where}: sampling: balanced is for classes of which a row has one; this is {task}")
    if balances and config.class_weight:
        raise ConfigError(f"{where}: sampling: balanced and class_weight: balanced would count a rare class twice")
    if config.loss == "asymmetric" and task != "multilabel":
        raise ConfigError(
            f"{where}: loss: asymmetric is for multilabel targets; this contest's task is {task}",
            remedy="loss: focal is for classes, too.",
        )


def check_range(ranges: Sequence[Sequence[float]], contest: Contest, where: str) -> None:
    """Raises ConfigError for a ``target_range`` that the task has no use for, or that training rows lie outside of."""
    if not ranges:
        return
    if contest.task != "regression":
        raise ConfigError(f"{where}: target_range: is for numbers; this contest's task is {contest.task}")
    if len(ranges) not in (1, len(contest.outputs)):
        raise ConfigError(f"{where}: target_range: has {len(ranges)} pairs; there are {len(contest.outputs)} targets")
    low, high = np.asarray(ranges, np.float64).T
    table = contest.y.reshape(len(contest.y), -1)
    outside = ((table < low) | (table > high)).any(axis=1)
    if outside.any():
        raise ConfigError(
            f"{where}: target_range: {int(outside.sum())} training rows lie outside of it "
            f"({some(contest.train.index[outside])}); the targets go from {table.min():g} to {table.max():g}"
        )
