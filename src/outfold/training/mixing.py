"""Mixup and CutMix: each row of a batch is blended with another, and learns both of their targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from outfold.training.losses import Loss


@dataclass(frozen=True)
class Mixture:
    """A batch whose rows were blended.

    Attributes:
        inputs: the blended rows.
        partner: (n,) the row of the batch that each was blended with.
        share: (n,) what is left of the row itself, in [0, 1].
    """

    inputs: Tensor
    partner: Tensor
    share: Tensor

    def rows(self, loss: Loss, outputs: Tensor, targets: Any) -> Tensor:
        """The loss of each row, (n,): of its own target by its share, and of its partner's by the rest.

        For cross entropies that is the loss of the blended, soft target; for squared errors it has the gradient of the
        blended target's.
        """
        own, other = loss.rows(outputs, targets), loss.rows(outputs, targets[self.partner])
        return self.share * own + (1 - self.share) * other


def mix(inputs: Tensor, mixup: float, cutmix: float, seed: int) -> Mixture | None:
    """Blend the rows of a batch, on its device; None where neither is asked for.

    Mixup (Zhang et al. 2017): ``lam x_i + (1 - lam) x_j`` with lam from Beta(mixup, mixup) for each row, and the larger
    of lam and 1 - lam, so that a row stays mostly itself. CutMix (Yun et al. 2019): a box of (1 - lam) of the area,
    lam from Beta(cutmix, cutmix), is taken from the other image. With both, each batch has one of them by the toss of a
    coin.

    Args:
        inputs: (n, ...) for mixup, (n, channels, height, width) for CutMix.
        mixup, cutmix: the alphas; 0 is off.
        seed: what is drawn depends on it and on n alone.
    """
    if not mixup and not cutmix:
        return None
    random = np.random.Generator(np.random.Philox(seed))
    cuts = cutmix > 0 and (mixup == 0 or random.random() < 0.5)
    n = len(inputs)
    partner = torch.from_numpy(random.permutation(n)).to(inputs.device)
    if cuts:
        top, bottom, left, right = _box(inputs.shape[-2], inputs.shape[-1], random.beta(cutmix, cutmix), random)
        mixed = inputs.clone()
        mixed[..., top:bottom, left:right] = inputs[partner, ..., top:bottom, left:right]
        kept = 1 - (bottom - top) * (right - left) / (inputs.shape[-2] * inputs.shape[-1])
        return Mixture(mixed, partner, torch.full((n,), kept, device=inputs.device))
    drawn = random.beta(mixup, mixup, n)
    share = torch.from_numpy(np.maximum(drawn, 1 - drawn)).to(inputs.device, torch.float32)
    weight = share.to(inputs.dtype).view(-1, *[1] * (inputs.ndim - 1))
    return Mixture(torch.lerp(inputs[partner], inputs, weight), partner, share)


def _box(height: int, width: int, lam: float, random: np.random.Generator) -> tuple[int, int, int, int]:
    """A box of (1 - lam) of the area with its centre anywhere, cut off at the edges: top, bottom, left, right."""
    side = np.sqrt(1 - lam) / 2
    y, x = random.random() * height, random.random() * width
    edges = (y - side * height, y + side * height, x - side * width, x + side * width)
    limits = (height, height, width, width)
    top, bottom, left, right = (int(np.clip(round(edge), 0, limit)) for edge, limit in zip(edges, limits, strict=True))
    return top, bottom, left, right
