"""Several targets of several kinds on one network: the weighted sum of their losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from outfold.metrics import PER_CLASS
from outfold.training.losses import Loss


@dataclass(frozen=True)
class Share:
    """One target's part of a joint loss.

    Attributes:
        loss: of this target alone.
        truth: its columns of the targets.
        outputs: its columns of the network's outputs.
        weight: of its loss in the sum.
    """

    loss: Loss
    truth: slice
    outputs: slice
    weight: float


@dataclass(frozen=True)
class JointLoss(Loss):
    """The loss of a multitask contest, ``sum_t w_t loss_t``, a row at a time.

    A target of numbers is standardised, so that its loss is about 1 for a network that knows nothing; that of K classes
    is about log K. ``center`` and ``scale`` (targets,) are those of each target, 0 and 1 for classes.

    Attributes:
        shares: of the targets.
    """

    shares: tuple[Share, ...] = ()

    @classmethod
    def of(cls, shares: Sequence[Share]) -> JointLoss:
        """The sum of the targets' losses."""
        center, scale = (torch.cat([getattr(share.loss, key)[:1] for share in shares]) for key in ("center", "scale"))
        return cls("multitask", center=center, scale=scale, shares=tuple(shares))

    def plain(self) -> Loss:
        """Without smoothing and class weights, but with each target's share: what validation reports."""
        shares = tuple(replace(share, loss=share.loss.plain()) for share in self.shares)
        return replace(self, smoothing=0.0, shares=shares)

    def to(self, device: torch.device) -> Loss:
        """The same on another device."""
        shares = tuple(replace(share, loss=share.loss.to(device)) for share in self.shares)
        return replace(self, center=self.center.to(device), scale=self.scale.to(device), shares=shares)

    def rows(self, outputs: Tensor, y: Tensor) -> Tensor:
        """The loss of each row, (n,) float32.

        Args:
            outputs: (n, the widths of all targets together), of any float type.
            y: as :meth:`targets` gives them.
        """
        total = torch.zeros(len(outputs), device=outputs.device)
        for share in self.shares:
            own = y[:, share.truth]
            # a number has nothing to smooth
            loss = replace(share.loss, smoothing=self.smoothing)
            wanted = own[:, 0].long() if loss.task in PER_CLASS else own
            total = total + share.weight * loss.rows(outputs[:, share.outputs], wanted)
        return total

    def predictions(self, outputs: Tensor) -> Tensor:
        """Each target's probabilities or values, side by side; float32."""
        return torch.cat([share.loss.predictions(outputs[:, share.outputs]) for share in self.shares], dim=1)

    def targets(self, y: NDArray) -> Tensor:
        """The contest's targets as :meth:`rows` wants them: float32 (n, columns)."""
        return torch.from_numpy(np.array(y, dtype=np.float32))


@dataclass(frozen=True)
class EnsembleLoss(Loss):
    """The mean of the losses of k networks, not the loss of their mean, which would let them lean on each other.

    Outputs are (n, k, width). Predictions are the mean of the networks' predictions: of probabilities, not of logits.

    Attributes:
        each: of one network.
    """

    each: Loss = field(default_factory=lambda: Loss("regression"))

    @classmethod
    def of(cls, each: Loss) -> EnsembleLoss:
        """Of networks that each have this one."""
        return cls(each.task, each.smoothing, center=each.center, scale=each.scale, weighted=each.weighted, each=each)

    def plain(self) -> Loss:
        """Without smoothing and weights: what validation reports."""
        return replace(self, smoothing=0.0, each=self.each.plain())

    def to(self, device: torch.device) -> Loss:
        """The same on another device."""
        return replace(self, center=self.center.to(device), scale=self.scale.to(device), each=self.each.to(device))

    def rows(self, outputs: Tensor, y: Tensor) -> Tensor:
        """The loss of each row, (n,) float32.

        Args:
            outputs: (n, k, width), of any float type.
            y: as :meth:`targets` gives them.
        """
        n, k = outputs.shape[:2]
        each = replace(self.each, smoothing=self.smoothing, weighted=self.weighted)
        return each.rows(outputs.flatten(0, 1), y.repeat_interleave(k, dim=0)).view(n, k).mean(dim=1)

    def predictions(self, outputs: Tensor) -> Tensor:
        """Probabilities, or values in the targets' own units; float32."""
        n, k = outputs.shape[:2]
        return self.each.predictions(outputs.flatten(0, 1)).view(n, k, -1).mean(dim=1)

    def targets(self, y: NDArray) -> Tensor:
        """The contest's targets as one network wants them."""
        return self.each.targets(y)
