"""One update of the weights: forward, loss, backward, over the batches of a step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from outfold.randomness import derive_seed
from outfold.training.activations import HeadAlone
from outfold.training.device import Precision
from outfold.training.layer_groups import Freezing, freeze, layer_groups, spread_lr
from outfold.training.losses import Loss
from outfold.training.mixing import Mixture, mix
from outfold.training.optimizers import Rule, make_optimizer, set_rates
from outfold.training.recipe import PhasePlan

Inputs = Tensor | tuple[Tensor, ...]
"""(n, ...) each."""


def repeated(inputs: Inputs, rows: int) -> Inputs:
    """One row of inputs so many times, in memory of their own."""
    if isinstance(inputs, Tensor):
        return inputs.expand(rows, *inputs.shape[1:]).clone()
    return tuple(one.expand(rows, *one.shape[1:]).clone() for one in inputs)


@dataclass
class Step:
    """One update of the weights.

    Attributes:
        model: what the batches go through: the network, or its head where they are precomputed.
        seed: of what is drawn in a step (mixup, CutMix); with the step's number, never with what came before.
    """

    model: nn.Module
    freezing: Freezing
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    precision: Precision
    loss: Loss
    plan: PhasePlan
    seed: int = 0

    @classmethod
    def begin(
        cls, model: nn.Module, plan: PhasePlan, loss: Loss, optimizer: Rule, precision: Precision, seed: int
    ) -> Step:
        """What a phase begins with: layers frozen, a new optimizer.

        Raises:
            ConfigError: learning rates or groups that do not fit the model.
        """
        groups = layer_groups(model)
        freezing = freeze(model, groups, plan.train, train_bn=plan.train_bn, where=plan.where)
        rates = spread_lr(plan.lr, plan.lr_ratio, len(groups), plan.where)
        updates = make_optimizer(optimizer, model, groups, rates, plan.at("weight_decay", 0), plan.momentum_at(0))
        learns = HeadAlone(model) if plan.precompute else model
        return cls(learns, freezing, updates, precision.scaler(), precision, loss, plan, seed)

    def __call__(self, number: int, batches: Iterator[tuple[Inputs, Tensor]], rows: float) -> Tensor:
        """Returns the mean loss of the step's rows, on the device, without waiting for it."""
        self.freezing.train()
        plan = self.plan
        set_rates(self.optimizer, plan.lr_scale(number), plan.momentum_at(number), plan.at("weight_decay", number))
        smoothing = plan.at("label_smoothing", number)
        measure = self.loss if smoothing == self.loss.smoothing else replace(self.loss, smoothing=smoothing)
        total = torch.zeros((), device=self.precision.device)
        for part, (inputs, targets) in enumerate(batches):
            mixture = self._mixture(inputs, number, part)
            with self.precision.autocast():
                outputs = self.model(inputs if mixture is None else mixture.inputs)
            # the mean over all rows of the step, however they are cut into batches
            each = measure.rows(outputs, targets) if mixture is None else mixture.rows(measure, outputs, targets)
            loss = each.sum() / rows
            self.scaler.scale(loss).backward()
            total += loss.detach()
        if plan.clip_grad is not None:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), plan.clip_grad)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        return total

    def _mixture(self, inputs: Inputs, number: int, part: int) -> Mixture | None:
        """A batch's rows blended, where the phase asks for it."""
        mixup, cutmix = self.plan.at("mixup", number), self.plan.at("cutmix", number)
        if not mixup and not cutmix:
            return None
        assert isinstance(inputs, Tensor)
        return mix(inputs, mixup, cutmix, derive_seed(self.seed, number, part))
