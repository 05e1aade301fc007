"""The rows of a phase and the steps of its epochs: what training sees when, from the seed alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outfold.randomness import derive_seed
from outfold.training.recipe import PhasePlan
from outfold.training.sampler import Kinds, balanced_rows, epoch_steps, share_of_rows


def phase_rows(
    plan: PhasePlan, rows: NDArray[np.int64], strata: NDArray[np.int64], seed: int, fold: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The phase's share of a fold's training rows, the same in each epoch, and their strata.

    Args:
        rows, strata: (n,) of the fold.
        seed: of the pipeline.
    """
    chosen = share_of_rows(np.arange(len(rows)), strata, plan.data, derive_seed(seed, fold, "data"))
    return rows[chosen], strata[chosen]


def epoch_seed(plan: PhasePlan, seed: int, fold: int, epoch: int) -> int:
    """What everything random in this epoch of the phase, from 0, is drawn from; but for :func:`mixing_seed`'s."""
    return derive_seed(seed, fold, plan.number, epoch)


def augmentation_seed(epoch_seed: int) -> int:
    """What the augmentation of an epoch's rows is drawn from."""
    return derive_seed(epoch_seed, "augment")


def mixing_seed(plan: PhasePlan, seed: int, fold: int) -> int:
    """What Mixup and CutMix draw from in a phase, with the number of the step."""
    return derive_seed(seed, fold, plan.number, "mix")


def epoch_order(
    plan: PhasePlan, rows: NDArray[np.int64], strata: NDArray[np.int64], kinds: Kinds, seed: int, first: int
) -> list[list[NDArray[np.int64]]]:
    """The steps of an epoch, each a list of batches of rows; the phase's end may cut it short.

    Args:
        rows, strata: as :func:`phase_rows` gives them.
        seed: of the epoch.
        first: the number of its first step in the phase.
    """
    if plan.sampling == "balanced":
        rows = balanced_rows(rows, strata, derive_seed(seed, "sampling"))
    order = epoch_steps(rows, plan.batch_size, plan.accumulate, derive_seed(seed, "order"), kinds)
    return order[: plan.steps - first]
