"""Mean and spread of each channel of the decoded images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CHUNK = 256


def channel_statistics(pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over these rows, for pixels in [0, 1].

    Args:
        pixels: (n, height, width, channels).

    Returns:
        Two lists of ``channels`` numbers; a channel that never changes has a deviation of one step, 1 / 255.
    """
    channels = pixels.shape[-1]
    # whole numbers, so that the sums are exact whatever their order
    total, squares = np.zeros(channels, np.int64), np.zeros(channels, np.int64)
    for start in range(0, len(rows), _CHUNK):
        part = pixels[rows[start : start + _CHUNK]].reshape(-1, channels).astype(np.int64)
        total += part.sum(axis=0)
        squares += np.square(part).sum(axis=0)
    count = len(rows) * pixels.shape[1] * pixels.shape[2]
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return (mean / 255).tolist(), (np.maximum(deviation, 1) / 255).tolist()
