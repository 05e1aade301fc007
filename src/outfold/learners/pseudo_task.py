"""Keys of ``pseudo`` that make sense for some tasks only."""

from __future__ import annotations

from outfold.config.competition import Task
from outfold.config.pseudo import Pseudo
from outfold.errors import ConfigError


def check_pseudo(pseudo: Pseudo | None, task: Task, where: str) -> None:
    """Raises ConfigError for pseudo-labels that the contest's task has no use for."""
    if pseudo is None:
        return
    if task == "multitask":
        raise ConfigError(f"{where}: pseudo: is for one target or several of one kind; this contest's task is {task}")
    if task != "regression":
        return
    if pseudo.share is None:
        raise ConfigError(
            f"{where}: pseudo: numbers have no confidence to choose test rows by",
            remedy="Say share: 0.5 for the half of them on which the teachers' members differ least.",
        )
    if pseudo.labels == "hard":
        raise ConfigError(f"{where}: pseudo: labels: hard is for classes; this contest's task is {task}")
