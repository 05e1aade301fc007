"""Decoded images that stay in the memory of a GPU, where they fit: batches are gathered there, and nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

SHARE = 0.25
"""Images may take this share of the memory that is free when they are first asked for."""
_CHUNK_BYTES = 1 << 26


def free_bytes(device: torch.device) -> int:
    """Memory of the device that is free; 0 on devices that have none of their own, where there is nothing to gain."""
    import torch

    return int(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else 0


def resident(pixels: NDArray[np.uint8], device: torch.device, free: int) -> torch.Tensor | None:
    """A copy of the images on the device, or None where they take more than :data:`SHARE` of what is free.

    Args:
        pixels: (n, side, side, channels), a memory map as a rule; it is read in pieces.
        free: bytes, as :func:`free_bytes` says.

    Returns:
        (n, side, side, channels) uint8 on ``device``.
    """
    import torch

    if not pixels.size or pixels.nbytes > SHARE * free:
        return None
    copy = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
    step = max(1, _CHUNK_BYTES // pixels[0].nbytes)
    for start in range(0, len(pixels), step):
        copy[start : start + step].copy_(torch.from_numpy(np.array(pixels[start : start + step])))
    return copy
