"""The loss of a network on a contest: of its one target, or of several together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from outfold.config.neural import NeuralPipeline
from outfold.contest import Contest
from outfold.errors import ConfigError, nearest, quoted, some
from outfold.metrics import PER_CLASS
from outfold.training.composite_losses import JointLoss, Share
from outfold.training.losses import Loss, width


def network_width(contest: Contest) -> int:
    """How many numbers a network gives for the contest's targets."""
    return sum(width(one.task, len(one.outputs)) for one in contest.questions)


def training_loss(contest: Contest, config: NeuralPipeline, y: NDArray) -> Loss:
    """The loss for the training part of a fold, on the CPU.

    Args:
        y: its targets, as :attr:`Contest.y` has them: class weights and the spread of numbers are taken from them.
    """
    if contest.task != "multitask":
        return _alone(contest, config, y)
    losses = [
        _alone(one, config, subtask.truth_of(y))
        for one, subtask in zip(contest.questions, contest.subtasks, strict=True)
    ]
    return JointLoss.of(list(_shares(contest, config, losses)))


def voting_loss(contest: Contest, config: NeuralPipeline, facts: Mapping[str, Any]) -> Loss:
    """What turns the outputs of a trained network into predictions, from its model.json."""
    center, scale = torch.tensor(facts["center"]), torch.tensor(facts["scale"])
    if contest.task != "multitask":
        return Loss(contest.task, center=center, scale=scale).within(config.target_ranges)
    losses = [
        Loss(one.task, center=center[place : place + 1], scale=scale[place : place + 1])
        for place, one in enumerate(contest.questions)
    ]
    return JointLoss.of(list(_shares(contest, config, losses)))


def described(loss: Loss) -> dict[str, list[float]]:
    """What :func:`voting_loss` needs of it."""
    return {"center": loss.center.tolist(), "scale": loss.scale.tolist()}


def _alone(contest: Contest, config: NeuralPipeline, y: NDArray) -> Loss:
    balanced = config.class_weight == "balanced" and contest.task != "regression"
    loss = Loss.for_rows(contest.task, y, len(contest.outputs), balanced=balanced)
    if contest.task == "regression":
        return loss.within(config.target_ranges)
    return loss.named(config.loss, config.gamma)


def _shares(contest: Contest, config: NeuralPipeline, losses: list[Loss]) -> Iterator[Share]:
    start = 0
    for subtask, one, loss in zip(contest.subtasks, contest.questions, losses, strict=True):
        end = start + width(one.task, len(one.outputs))
        yield Share(loss, subtask.truth, slice(start, end), config.loss_weights.get(subtask.name, 1.0))
        start = end


def check_task(config: NeuralPipeline, contest: Contest, where: str) -> None:
    """Raises ConfigError for a key that the contest's task has no use for."""
    asked = contest.task
    tasks = {one.task for one in contest.questions}

    def said(key: str) -> object:
        return getattr(config, key, None) or next((v for p in config.phases if (v := getattr(p, key, None))), None)

    for key in ("label_smoothing", "class_weight", "loss"):
        if said(key) and tasks == {"regression"}:
            raise ConfigError(f"{where}: {key}: is for classes; this contest's task is {asked}")
    if said("cutmix") and "regression" in tasks:
        why = "one of the targets is a number" if contest.subtasks else f"this contest's task is {asked}"
        raise ConfigError(f"{where}: cutmix: is for classes; {why}")
    balances = "balanced" in (config.sampling, *(phase.sampling for phase in config.phases))
    one_class = contest.leading.task == "binary" or contest.leading.task in PER_CLASS
    if balances and not one_class:
        raise ConfigError(f"{where}: sampling: balanced is for classes of which a row has one; this is {asked}")
    if balances and config.class_weight:
        raise ConfigError(f"{where}: sampling: balanced and class_weight: balanced would count a rare class twice")
    if config.loss == "asymmetric" and tasks != {"multilabel"}:
        raise ConfigError(
            f"{where}: loss: asymmetric is for multilabel targets; this contest's task is {asked}",
            remedy="loss: focal is for classes, too.",
        )
    _check_loss_weights(config, contest, where)


def _check_loss_weights(config: NeuralPipeline, contest: Contest, where: str) -> None:
    weights = config.loss_weights
    if weights and not contest.subtasks:
        raise ConfigError(f"{where}: loss_weights: is for several targets; this contest's task is {contest.task}")
    for name in weights:
        if name not in contest.targets:
            hint = nearest(name, contest.targets) or f"they are {some(contest.targets)}"
            raise ConfigError(f"{where}: loss_weights: {quoted(name)} is none of the targets; {hint}")
    if weights and not any(weights.get(name, 1.0) for name in contest.targets):
        raise ConfigError(f"{where}: loss_weights: all are 0, and nothing would be learnt")


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
