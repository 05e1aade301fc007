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
from outfold.training.recipe import PhasePlan, Scheduled

SLIDE_APART, SLIDE_THRESHOLD = 15, 0.005
"""slide: how many points lie between the two slopes that are compared, and how much they may differ."""

Curve = NDArray[np.float64]


def valley(lrs: Curve, losses: Curve) -> float:
    """Halfway down the longest descent: where the loss falls reliably, and not yet its steepest.

    The longest strictly decreasing subsequence, of length L, ends at some point; counted from L points before that
    one, the suggestion is the point ``L/3 + L/6`` further on.
    """
    lengths = np.ones(len(losses), dtype=np.int64)
    for i in range(1, len(losses)):
        lengths[i] += lengths[:i][losses[:i] > losses[i]].max(initial=0)
    end = int(lengths.argmax())
    start, third = end - int(lengths[end]), int(lengths[end]) / 3
    return float(lrs[max(start + int(third) + int(third / 2), 0)])


def steep(lrs: Curve, losses: Curve) -> float:
    """Where the loss falls fastest: the least d(loss) / d(log lr)."""
    slopes = np.diff(losses) / np.diff(np.log(lrs))
    return float(lrs[int(slopes.argmin())])


def minimum(lrs: Curve, losses: Curve) -> float:
    """A tenth of the rate at the least loss, which itself lies at the brink of divergence."""
    return float(lrs[int(losses.argmin())]) / 10


def slide(lrs: Curve, losses: Curve) -> float:
    """The last rate before the loss explodes: from the right, two slopes slide to the left until they are alike."""
    slopes = np.gradient(losses)
    right = len(losses) - 1
    left = max(right - SLIDE_APART, 0)
    found = lrs[left]
    while left >= 0 and abs(slopes[right] - slopes[left]) > SLIDE_THRESHOLD:
        found = lrs[left]
        left, right = left - 1, right - 1
    return float(found)


def suggestions(lrs: Curve, losses: Curve) -> dict[str, float]:
    """The four by name: valley, steep, minimum (a tenth of its rate) and slide.

    Args:
        lrs: (n,) rising learning rates, n >= 2.
        losses: (n,) smoothed losses, all finite.
    """
    return {rule.__name__: rule(lrs, losses) for rule in (valley, steep, minimum, slide)}


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
