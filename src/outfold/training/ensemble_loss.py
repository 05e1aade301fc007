"""The loss of several networks in one, which each learn by themselves and vote together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from numpy.typing import NDArray
from torch import Tensor

from outfold.training.losses import Loss


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
