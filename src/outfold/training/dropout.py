"""Dropout that costs what it drops: on a CPU, torch draws a number for every value, and that is a fifth of a step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

FEW = 0.1
"""Up to this rate the places that are dropped are drawn, instead of a number for each place."""


def dropout(values: Tensor, rate: float) -> Tensor:
    """Each value is 0 with the probability ``rate``, else divided by (1 - rate); drawn from torch's generator.

    On a CPU and for small rates, the gaps between dropped places are drawn from the geometric distribution, which is
    the same process.
    """
    if not rate:
        return values
    if values.device.type != "cpu" or rate > FEW:
        return functional.dropout(values, rate)
    return _few(values, rate)


@torch.compiler.disable
def _few(values: Tensor, rate: float) -> Tensor:
    dropped: Tensor = _Drop.apply(values, _places(values.numel(), rate), 1 / (1 - rate))
    return dropped


def _places(count: int, rate: float) -> Tensor:
    """The places that are dropped of so many, (k,) int64."""
    random = np.random.Generator(np.random.SFC64(int(torch.randint(2**63 - 1, ()))))
    expected = count * rate
    # so many gaps reach the end all but surely; where they do not, more are drawn
    draws = int(expected + 6 * expected**0.5) + 8
    places = random.geometric(rate, draws).cumsum() - 1
    while places[-1] < count:
        places = np.concatenate([places, places[-1] + random.geometric(rate, draws).cumsum()])
    return torch.from_numpy(places[: np.searchsorted(places, count)])


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, places: Tensor, scale: float) -> Tensor:
        context.save_for_backward(places)
        context.scale = scale
        return _without(values, places, scale)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (places,) = context.saved_tensors
        return _without(gradients[0], places, context.scale), None, None


def _without(values: Tensor, places: Tensor, scale: float) -> Tensor:
    kept = (values * scale).contiguous()
    kept.view(-1).index_fill_(0, places, 0.0)
    return kept


class Dropout(nn.Module):
    """:func:`dropout` in training."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, values: Tensor) -> Tensor:
        """The same shape."""
        return dropout(values, self.rate) if self.training else values

    def extra_repr(self) -> str:
        """The rate."""
        return f"rate={self.rate}"


class DropLinear(nn.Linear):
    """A linear layer and dropout before it, at a rate that the engine sets from step to step."""

    rate = 0.0

    def forward(self, values: Tensor) -> Tensor:
        """(n, out) of (n, in)."""
        return super().forward(dropout(values, self.rate) if self.training else values)
