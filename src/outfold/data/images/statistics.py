"""Mean and spread of each channel of the decoded images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outfold.data.images.store import Pixels, batch_shape, flat

_CHUNK = 256


def channel_statistics(pixels: Pixels, rows: NDArray[np.int64]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over these rows, for pixels in [0, 1].

    Returns:
        Two lists of ``channels`` numbers; a channel that never changes has a deviation of one step, 1 / 255.
    """
    channels = batch_shape(pixels, rows)[2]
    # whole numbers, so that the sums are exact whatever their order
    total, squares = np.zeros(channels, np.int64), np.zeros(channels, np.int64)
    count = 0
    for start in range(0, len(rows), _CHUNK):
        part = flat(pixels, rows[start : start + _CHUNK]).astype(np.int64)
        count += len(part)
        total += part.sum(axis=0)
        squares += np.square(part).sum(axis=0)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return (mean / 255).tolist(), (np.maximum(deviation, 1) / 255).tolist()
