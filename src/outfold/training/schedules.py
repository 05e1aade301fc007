"""Learning-rate schedules: stateless functions of the optimizer step.

Every function takes the step (0 for the first update of the phase) and returns the factor on the peak learning rate for
that update. A step is an update of the weights: under gradient accumulation, several batches.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from outfold.config.phase import Schedule

WARMUP_START = 1 / 100
DIV, FINAL_DIV, PCT_START = 25.0, 1e5, 0.25
MOMENTUM_HIGH, MOMENTUM_LOW = 0.95, 0.85


def cycle_ends(cycle_epochs: Sequence[float], steps_per_epoch: int) -> list[int]:
    """The step at which each cycle ends (exclusive): the last entry is the length of the phase.

    From cumulative sums, so that the rounding of fractional cycles does not add up. Each cycle has at least one step.
    """
    ends: list[int] = []
    for epochs in accumulate(cycle_epochs):
        ends.append(max(round(epochs * steps_per_epoch), (ends[-1] if ends else 0) + 1))
    return ends


def sgdr(step: int, ends: Sequence[int]) -> float:
    """Cosine annealing with warm restarts: (1 + cos(pi i / n)) / 2 at step i of n (Loshchilov & Hutter 2016)."""
    cycle = bisect_right(ends, step)
    start = ends[cycle - 1] if cycle else 0
    return 0.5 * (1 + math.cos(math.pi * (step - start) / (ends[cycle] - start)))


def cosine(step: int, total: int) -> float:
    """One cycle of :func:`sgdr`."""
    return sgdr(step, [total])


def warm_up(step: int, steps: int) -> float:
    """Rises linearly from 1/100 at step 0 to 1 at step ``steps``, and stays there."""
    return 1.0 if step >= steps else WARMUP_START + (1 - WARMUP_START) * step / steps


def _cosine_between(start: float, end: float, position: float) -> float:
    return start + (end - start) * 0.5 * (1 - math.cos(math.pi * position))


def _one_cycle(step: int, total: int, start: float, peak: float, end: float) -> float:
    position = step / max(total - 1, 1)
    if position < PCT_START:
        return _cosine_between(start, peak, position / PCT_START)
    return _cosine_between(peak, end, (position - PCT_START) / (1 - PCT_START))


def one_cycle(step: int, total: int) -> float:
    """1/25 to 1 over the first quarter, then down to 1/100,000, by cosines (Smith & Topin 2017; fastai 2's form)."""
    return _one_cycle(step, total, 1 / DIV, 1.0, 1 / FINAL_DIV)


def one_cycle_momentum(step: int, total: int) -> float:
    """The momentum beside it: .95 to .85 and back."""
    return _one_cycle(step, total, MOMENTUM_HIGH, MOMENTUM_LOW, MOMENTUM_HIGH)


def lr_scale(kind: Schedule, step: int, ends: Sequence[int], warmup_steps: int = 0) -> float:
    """The factor of the schedule of this name.

    Args:
        ends: as :func:`cycle_ends` gives them; schedules without restarts have one.
        warmup_steps: only for sgdr and cosine.
    """
    if kind == "constant":
        return 1.0
    if kind == "one_cycle":
        return one_cycle(step, ends[-1])
    return warm_up(step, warmup_steps) * sgdr(step, ends if kind == "sgdr" else ends[-1:])
