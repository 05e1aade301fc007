"""What a learning-rate sweep suggests: fastai 2's four readings of the curve of smoothed loss against learning rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SLIDE_APART, SLIDE_THRESHOLD = 15, 0.005
"""slide: how many points lie between the two slopes that are compared, and how much they may differ."""

Curve = NDArray[np.float64]


def valley(lrs: Curve, losses: Curve) -> float:
    """Halfway down the longest descent: where the loss falls reliably, and not yet its steepest.

    The longest strictly decreasing subsequence, of length L, ends at some point; counted from L points before that
    one, the suggestion is the point ``L/3 + L/6`` further on.
    """
    lengths = np.ones(len(losses), dtype=np.int64)
    for i in range(1, len(losses)):
        lengths[i] += lengths[:i][losses[:i] > losses[i]].max(initial=0)
    end = int(lengths.argmax())
    start, third = end - int(lengths[end]), int(lengths[end]) / 3
    return float(lrs[max(start + int(third) + int(third / 2), 0)])


def steep(lrs: Curve, losses: Curve) -> float:
    """Where the loss falls fastest: the least d(loss) / d(log lr)."""
    slopes = np.diff(losses) / np.diff(np.log(lrs))
    return float(lrs[int(slopes.argmin())])


def minimum(lrs: Curve, losses: Curve) -> float:
    """A tenth of the rate at the least loss, which itself lies at the brink of divergence."""
    return float(lrs[int(losses.argmin())]) / 10


def slide(lrs: Curve, losses: Curve) -> float:
    """The last rate before the loss explodes: from the right, two slopes slide to the left until they are alike."""
    slopes = np.gradient(losses)
    right = len(losses) - 1
    left = max(right - SLIDE_APART, 0)
    found = lrs[left]
    while left >= 0 and abs(slopes[right] - slopes[left]) > SLIDE_THRESHOLD:
        found = lrs[left]
        left, right = left - 1, right - 1
    return float(found)


def suggestions(lrs: Curve, losses: Curve) -> dict[str, float]:
    """The four by name: valley, steep, minimum (a tenth of its rate) and slide.

    Args:
        lrs: (n,) rising learning rates, n >= 2.
        losses: (n,) smoothed losses, all finite.
    """
    return {rule.__name__: rule(lrs, losses) for rule in (valley, steep, minimum, slide)}
