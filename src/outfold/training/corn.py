"""Conditional probabilities of ordered classes, and what they make of each class: CORN."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def class_log_probabilities(outputs: Tensor) -> Tensor:
    """The logarithm of each class's probability, (n, K) float32, from K - 1 conditional logits (Shi et al. 2021).

    Logit k says how likely a row that is above class k - 1 is above class k, too, so that
    ``P(y > k) = sigmoid(z_0) ... sigmoid(z_k)``. Whatever the logits are, that falls with k, and the differences are
    probabilities: ``log P(y = k) = sum_{j < k} log sigmoid(z_j) + log sigmoid(-z_k)``, without the last term for the
    last class. Minus that of a row's own class is the sum of its binary cross entropies in the conditional tasks that
    it takes part in: the paper's loss, but for a constant (the paper divides by all pairs of row and task, and here
    every row counts the same).

    Args:
        outputs: (n, K - 1), of any float type.
    """
    outputs = outputs.float()
    above = functional.logsigmoid(outputs).cumsum(dim=1)
    edge = outputs.new_zeros(len(outputs), 1)
    return torch.cat([edge, above], dim=1) + torch.cat([functional.logsigmoid(-outputs), edge], dim=1)
