"""The learning-rate finder: a mock training whose rate grows exponentially, and what its losses say (Smith 2015)."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from outfold.errors import OutfoldError
from outfold.training.lr_suggestions import suggestions
from outfold.training.recipe import PhasePlan, Scheduled

START, END, STEPS = 1e-7, 10.0, 100
BETA = 0.98
"""Decay of the losses' moving average, whose bias towards its start is corrected."""
PATIENCE, WORSE = 10, 4.0
"""After so many steps the sweep stops where the smoothed loss is so many times the least one."""
_SKIP_FIRST, _SKIP_LAST, _LEAST = STEPS // 10, 5, 10


def sweep_rate(step: int) -> float:
    """The learning rate at this step: ``START * (END / START) ** (step / (STEPS - 1))``."""
    return START * (END / START) ** (step / (STEPS - 1))


@dataclass(frozen=True)
class Sweep:
    """What was seen.

    Attributes:
        lrs: (n,) the learning rates tried, rising.
        losses: (n,) the smoothed loss at each.
    """

    lrs: NDArray[np.float64]
    losses: NDArray[np.float64]

    @property
    def readable(self) -> Sweep:
        """Without its first tenth, where the average has not settled, and its last steps, where it explodes."""
        return Sweep(self.lrs[_SKIP_FIRST:-_SKIP_LAST], self.losses[_SKIP_FIRST:-_SKIP_LAST])

    def suggestions(self) -> dict[str, float]:
        """A learning rate by each of the four rules, by name; ``lr: find`` takes the valley's."""
        seen = self.readable
        return suggestions(seen.lrs, seen.losses)


def sweep(step: Callable[[int], float], where: str) -> Sweep:
    """Raise the learning rate step by step until the loss is not finite or four times its least.

    Args:
        step: makes one update at :func:`sweep_rate` of its number, and returns its loss.
        where: the phase, for messages.

    Raises:
        OutfoldError: the loss diverges before there is a curve to read.
    """
    average, best = 0.0, math.inf
    lrs: list[float] = []
    losses: list[float] = []
    for number in range(STEPS):
        loss = step(number)
        if not math.isfinite(loss):
            break
        average = BETA * average + (1 - BETA) * loss
        smooth = average / (1 - BETA ** (number + 1))
        lrs.append(sweep_rate(number))
        losses.append(smooth)
        best = min(best, smooth)
        if number >= PATIENCE and smooth > WORSE * best:
            break
    if len(lrs) < _SKIP_FIRST + _SKIP_LAST + _LEAST:
        raise OutfoldError(
            f"{where}: no learning rate is found: the loss diverges at step {len(lrs) + 1} of {STEPS}, "
            f"at a learning rate of {sweep_rate(len(lrs)):.1e}",
            remedy="Look at the targets and at mean: and std:, or give lr: a number.",
        )
    return Sweep(np.array(lrs), np.array(losses))


@contextlib.contextmanager
def leaving_nothing(model: nn.Module) -> Iterator[None]:
    """Whatever trains in the block: weights, statistics, modes and torch's random state are as before it.

    Gradients are None after it, as they are between two steps.
    """
    tensors = [*model.parameters(), *model.buffers()]
    before = [tensor.detach().clone() for tensor in tensors]
    modes = [(module, module.training) for module in model.modules()]
    gpus = [tensor.device for tensor in tensors[:1] if tensor.device.type == "cuda"]
    with torch.random.fork_rng(devices=gpus):
        try:
            yield
        finally:
            with torch.no_grad():
                for tensor, value in zip(tensors, before, strict=True):
                    tensor.copy_(value)
            model.zero_grad(set_to_none=True)
            for module, training in modes:
                module.training = training


class SweepPlan(PhasePlan):
    """A phase as the sweep sees it: every other schedule stays at its start while the learning rate rises."""

    @classmethod
    def of(cls, plan: PhasePlan) -> SweepPlan:
        """The same phase, its groups keeping their shares of the rate."""
        top = plan.lr[-1] if isinstance(plan.lr, list) else plan.lr
        lr = [value / top for value in plan.lr] if isinstance(plan.lr, list) else 1.0
        return cls(**vars(plan) | {"lr": lr})

    def lr_scale(self, step: int) -> float:
        """The sweep's own rate."""
        return sweep_rate(step)

    def momentum_at(self, step: int) -> float:
        """The momentum at the phase's start."""
        return super().momentum_at(0)

    def at(self, key: Scheduled, step: int) -> float:
        """The value at the phase's start."""
        return super().at(key, 0)
