"""Targets of rows with a label of their own, and of rows that have what others predict for them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from outfold.training.losses import Loss


def soft_targets(loss: Loss, y: NDArray, taught: NDArray[np.float32], weight: float) -> Tensor:
    """Targets as a loss that is ``weighted`` wants them: (n + m, outputs + 1) float32, the last column the weights.

    Args:
        y: (n, ...) the contest's own targets; of classes they become certain distributions. Each row weighs 1.
        taught: (m, outputs) distributions over the classes, probabilities of labels, or values.
        weight: of each of these.
    """
    own = loss.targets(y)
    if own.ndim == 1:
        own = functional.one_hot(own, taught.shape[1]).float()
    values = torch.cat([own, torch.from_numpy(taught)])
    weights = torch.ones(len(values), 1)
    weights[len(own) :] = weight
    return torch.cat([values, weights], dim=1)
