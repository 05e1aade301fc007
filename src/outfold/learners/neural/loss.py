"""The loss of a network on a contest: of its one target, or of several together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from numpy.typing import NDArray

from outfold.config.neural import NeuralPipeline
from outfold.contest import Contest
from outfold.training.joint_loss import JointLoss, Share
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
