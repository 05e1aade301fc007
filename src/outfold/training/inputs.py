"""What a network takes: a tensor of images, or several tensors whose rows belong together."""

from __future__ import annotations

from torch import Tensor

Inputs = Tensor | tuple[Tensor, ...]
"""(n, ...) each."""


def repeated(inputs: Inputs, rows: int) -> Inputs:
    """One row of inputs so many times, in memory of their own."""
    if isinstance(inputs, Tensor):
        return inputs.expand(rows, *inputs.shape[1:]).clone()
    return tuple(one.expand(rows, *one.shape[1:]).clone() for one in inputs)
