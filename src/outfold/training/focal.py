"""Losses that look less at what is easy: focal and asymmetric."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_TINY = 1e-6
"""Powers of less than 1 have an infinite slope at 0."""
MARGIN = 0.05
"""A negative of the asymmetric loss that is less probable than this costs nothing."""


def focal_classes(outputs: Tensor, y: Tensor, gamma: float, smoothing: float, weights: Tensor | None) -> Tensor:
    """Focal loss of classes, (n,): ``-sum_k w_k q_k (1 - p_k)^gamma log p_k`` (Lin et al. 2017, equation 4).

    Args:
        outputs: (n, classes) float32 logits.
        y: (n,) classes, or distributions over them (n, classes); q is that (one-hot for a class), moved towards the
            uniform distribution by ``smoothing``.
        weights: (classes,)
    """
    log_p = functional.log_softmax(outputs, dim=1)
    classes = outputs.shape[1]
    q = (y if y.ndim == 2 else functional.one_hot(y, classes)) * (1 - smoothing) + smoothing / classes
    each = -q * (1 - log_p.exp()).clamp_min(_TINY).pow(gamma) * log_p
    return (each if weights is None else each * weights).sum(dim=1)


def focal_labels(outputs: Tensor, q: Tensor, gamma: float) -> Tensor:
    """Focal loss of yes/no targets, (n, labels): ``-q (1 - p)^gamma log p - (1 - q) p^gamma log(1 - p)``."""
    p = outputs.sigmoid().clamp(_TINY, 1 - _TINY)
    yes = q * (1 - p).pow(gamma) * functional.logsigmoid(outputs)
    no = (1 - q) * p.pow(gamma) * functional.logsigmoid(-outputs)
    return -(yes + no)


def asymmetric(outputs: Tensor, q: Tensor, gamma: float) -> Tensor:
    """Asymmetric loss of labels, (n, labels) (Ridnik et al. 2021): ``-q log p - (1 - q) p_m^gamma log(1 - p_m)``.

    ``p_m = max(p - .05, 0)``: easy negatives are left out, the others are looked at the less the easier they are.
    """
    shifted = (outputs.sigmoid() - MARGIN).clamp_min(_TINY)
    no = (1 - q) * shifted.pow(gamma) * torch.log1p(-shifted)
    return -(q * functional.logsigmoid(outputs) + no)
