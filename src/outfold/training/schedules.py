"""Learning-rate schedules: stateless functions of the optimizer step.

Every function takes the step (0 for the first update of the phase) and returns the factor on the peak learning rate for
that update. A step is an update of the weights: under gradient accumulation, several batches.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from outfold.config.phase import Ramp, Schedule

WARMUP_START = 1 / 100
DIV, FINAL_DIV, PCT_START = 25.0, 1e5, 0.25
MOMENTUM_HIGH, MOMENTUM_LOW = 0.95, 0.85
CUT, RATIO = 0.1, 32.0
FLAT = 0.75


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


def slanted_triangular(step: int, total: int) -> float:
    """1/32 to 1 over the first tenth, then back in a line (ULMFiT, Howard & Ruder 2018: cut .1, ratio 32)."""
    cut = max(math.floor(total * CUT), 1)
    share = step / cut if step < cut else 1 - (step - cut) / max(total - cut, 1)
    return (1 + share * (RATIO - 1)) / RATIO


def flat_cosine(step: int, total: int) -> float:
    """1 for three quarters, then down by a cosine (fastai 2's ``fit_flat_cos``)."""
    flat = round(total * FLAT)
    return 1.0 if step < flat else cosine(step - flat, total - flat)


def ramp(value: float | Ramp, step: int, total: int) -> float:
    """A hyper-parameter at this step of ``total``: a ramp has its first value at step 0 and its last at the last."""
    if not isinstance(value, Ramp):
        return value
    position = step / max(total - 1, 1)
    if value.shape == "cosine":
        return _cosine_between(value.start, value.end, position)
    return value.start + (value.end - value.start) * position


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
    if kind == "slanted_triangular":
        return slanted_triangular(step, ends[-1])
    if kind == "flat_cosine":
        return flat_cosine(step, ends[-1])
    return warm_up(step, warmup_steps) * sgdr(step, ends if kind == "sgdr" else ends[-1:])
