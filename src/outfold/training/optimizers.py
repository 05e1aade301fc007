"""The optimizer of a phase: one learning rate a layer group, no weight decay on norms and biases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn


@dataclass(frozen=True)
class Rule:
    """How a gradient becomes an update.

    Attributes:
        name: sgd with momentum; adamw; or adam, whose weight decay is a part of the gradient.
        beta2: of Adam: how slowly the mean of squared gradients forgets.
    """

    name: Literal["sgd", "adam", "adamw"]
    beta2: float = 0.999


def make_optimizer(
    rule: Rule,
    model: nn.Module,
    groups: Sequence[Sequence[str]],
    lrs: Sequence[float],
    weight_decay: float,
    momentum: float,
) -> torch.optim.Optimizer:
    """An optimizer over what learns. Each of its groups keeps its peak rate as ``peak_lr``.

    Vectors and scalars (biases, norms) and what the model itself excepts (position embeddings) do not decay: pulling
    them to zero regularises nothing.
    """
    parameters = dict(model.named_parameters())
    excepted = set(getattr(model, "no_weight_decay", set)())
    settings = []
    for names, lr in zip(groups, lrs, strict=True):
        learning = [name for name in names if parameters[name].requires_grad]
        bare = {name for name in learning if parameters[name].ndim <= 1 or name in excepted}
        for chosen, decays in (([n for n in learning if n not in bare], True), (sorted(bare), False)):
            if chosen:
                members = [parameters[n] for n in chosen]
                decay = weight_decay if decays else 0.0
                settings.append({"params": members, "lr": lr, "peak_lr": lr, "weight_decay": decay, "decays": decays})
    # one pass over each tensor instead of one an operation
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    if rule.name == "sgd":
        return torch.optim.SGD(settings, lr=lrs[-1], momentum=momentum, fused=fused)
    kind = torch.optim.AdamW if rule.name == "adamw" else torch.optim.Adam
    return kind(settings, lr=lrs[-1], betas=(momentum, rule.beta2), fused=fused)


def set_rates(optimizer: torch.optim.Optimizer, scale: float, momentum: float, weight_decay: float) -> None:
    """The rates of the next step: each group's peak rate times ``scale``, and the decay of what decays."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * scale
        if group.get("decays"):
            group["weight_decay"] = weight_decay
        if "betas" in group:
            group["betas"] = (momentum, group["betas"][1])
        else:
            group["momentum"] = momentum
