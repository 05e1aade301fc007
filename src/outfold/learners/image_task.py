"""Keys of an image pipeline that make sense for some tasks only."""

from __future__ import annotations

from outfold.config.competition import Task
from outfold.config.pipeline import ImagePipeline
from outfold.errors import ConfigError

_CLASSES: tuple[Task, ...] = ("binary", "multiclass", "multilabel")


def check_task(config: ImagePipeline, task: Task, where: str) -> None:
    """Raises ConfigError for a key that the contest's task has no use for."""

    def said(key: str) -> object:
        return getattr(config, key, None) or next((v for p in config.phases if (v := getattr(p, key, None))), None)

    for key in ("label_smoothing", "class_weight", "cutmix", "loss"):
        if said(key) and task not in _CLASSES:
            raise ConfigError(f"{where}: {key}: is for classes; this contest's task is {task}")
    if config.loss == "asymmetric" and task != "multilabel":
        raise ConfigError(
            f"{where}: loss: asymmetric is for multilabel targets; this contest's task is {task}",
            remedy="loss: focal is for classes, too.",
        )
