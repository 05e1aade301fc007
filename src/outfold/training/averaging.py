"""Averages of the weights over a phase: exponential moving (EMA), and stochastic weight averaging (SWA)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from outfold.training.device import Precision
from outfold.training.recipe import PhasePlan
from outfold.training.step import Inputs


class Averaging:
    """What a phase averages of the parameters that learn in it; nothing, where it has neither ``ema`` nor ``swa``.

    EMA: after step t, from 1, ``mean = d * mean + (1 - d) * weights`` with d = min(ema, (1 + t) / (10 + t)), so that
    the first steps are soon forgotten. Validation and members have the mean; the training goes on without it.

    SWA (Izmailov et al. 2018): the plain mean of the weights at the end of each cycle, or of each epoch where the phase
    has no cycles. The phase ends with it, its BatchNorm statistics taken anew.
    """

    def __init__(self, plan: PhasePlan, model: nn.Module) -> None:
        self.plan = plan
        self.averages = bool(plan.swa or plan.ema)
        self.weights = [p for p in model.parameters() if p.requires_grad] if self.averages else []
        self.mean = [weight.detach().clone() for weight in self.weights]
        self.count = 0

    def after_step(self, number: int) -> None:
        """Take the weights into the mean, where this step of the phase asks for it."""
        if self.plan.swa:
            if number + 1 in self.plan.swa_ends:
                self.count += 1
                self._move(1 / self.count)
        elif self.plan.ema:
            self.count += 1
            self._move(1 - min(self.plan.ema, (1 + self.count) / (10 + self.count)))

    @torch.no_grad()
    def _move(self, share: float) -> None:
        for mean, weight in zip(self.mean, self.weights, strict=True):
            mean.lerp_(weight, share)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """The model with the EMA in place of its weights, and these again afterwards; BatchNorm's statistics stay."""
        if not self.plan.ema:
            yield
            return
        before = [weight.detach().clone() for weight in self.weights]
        self._put(self.mean)
        try:
            yield
        finally:
            self._put(before)

    def finish(self, learns: nn.Module, layers: Iterable[nn.Module], inputs: Iterable[Inputs], how: Precision) -> None:
        """Give the model its SWA for good; without one, do nothing.

        Args:
            learns: the model, or the part of it that takes ``inputs``.
            layers: BatchNorm layers that learnt in this phase.
            inputs: the phase's training rows, without augmentation, in batches.
        """
        if self.plan.swa:
            self._put(self.mean)
            retake_statistics(learns, layers, inputs, how)

    @torch.no_grad()
    def _put(self, values: list[Tensor]) -> None:
        for weight, value in zip(self.weights, values, strict=True):
            weight.copy_(value)

    def state_dict(self) -> dict[str, Any] | None:
        """For the checkpoint."""
        return {"mean": self.mean, "count": self.count} if self.averages else None

    def load_state_dict(self, state: dict[str, Any] | None) -> None:
        """From a checkpoint that was made within the phase."""
        if state is not None:
            self.mean, self.count = list(state["mean"]), state["count"]


def norms_that_learn(model: nn.Module) -> list[nn.Module]:
    """BatchNorm layers in training mode."""
    kind = nn.modules.batchnorm._BatchNorm
    return [layer for layer in model.modules() if isinstance(layer, kind) and layer.training]


def retake_statistics(
    model: nn.Module, layers: Iterable[nn.Module], inputs: Iterable[Inputs], precision: Precision
) -> None:
    """Set these BatchNorm layers' mean and variance to the averages over batches, everything else in eval mode."""
    norms = [layer for layer in layers if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    momenta = [layer.momentum for layer in norms]
    model.eval()
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over all batches
        layer.train()
    with torch.no_grad(), precision.autocast():
        for batch in inputs:
            model(batch)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum
        layer.eval()
