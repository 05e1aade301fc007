"""A whole recipe as curves over its optimizer steps: what the optimizer is told, and when a member is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from outfold.training.layer_groups import learning_groups, spread_lr
from outfold.training.recipe import PhasePlan


@dataclass(frozen=True)
class ScheduleCurves:
    """The schedules of all phases, one after the other.

    Attributes:
        lrs: (steps, groups) the learning rate of each layer group; NaN where it is frozen.
        momentum: (steps,) of SGD, or the first beta of AdamW.
        starts: the first step of each phase.
        cycle_ends: the steps after which a cycle ends.
        snapshots: those of them after which a member is kept.
    """

    lrs: NDArray[np.float64]
    momentum: NDArray[np.float64]
    starts: list[int]
    cycle_ends: list[int]
    snapshots: list[int]


def schedule_curves(plans: Sequence[PhasePlan], groups: int) -> ScheduleCurves:
    """The curves of a recipe on a model of so many layer groups.

    A frozen group whose BatchNorm learns (``train_bn``) has its rate, for its norms learn at it.
    """
    lrs: list[NDArray[np.float64]] = []
    for plan in plans:
        peaks = np.array(spread_lr(plan.lr, plan.lr_ratio, groups, plan.where))
        if not plan.train_bn:
            peaks[: groups - learning_groups(plan.train, groups)] = np.nan
        lrs.append(np.outer([plan.lr_scale(step) for step in range(plan.steps)], peaks))
    starts = [0, *accumulate(plan.steps for plan in plans)][:-1]
    ends = [(start + end - 1, plan.snapshots) for start, plan in zip(starts, plans, strict=True) for end in plan.ends]
    return ScheduleCurves(
        lrs=np.concatenate(lrs),
        momentum=np.array([plan.momentum_at(step) for plan in plans for step in range(plan.steps)]),
        starts=starts,
        cycle_ends=[step for step, _ in ends],
        snapshots=[step for step, kept in ends if kept],
    )
