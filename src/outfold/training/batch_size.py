"""``batch_size: auto``: the largest batch that a phase trains with in the memory there is.

On a CUDA GPU batches are tried, with everything that a step needs: the images and their augmentation, the activations,
the gradients, the optimizer's state and the averages of the weights. Elsewhere, where too much memory ends the process
or makes the machine swap, nothing is tried: what a batch will take is measured on a few images and extended in a line.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from outfold.errors import OutfoldError
from outfold.training.averaging import Averaging
from outfold.training.distributed import ranks
from outfold.training.layer_groups import freeze, layer_groups
from outfold.training.lr_finder import leaving_nothing
from outfold.training.oom import empty_cache, free_ram, is_too_large
from outfold.training.recipe import PhasePlan
from outfold.training.step import Step
from outfold.training.summary import activation_bytes
from outfold.training.trainer import Fit

LEAST = 2
MOST_ON_GPU, MOST_ELSEWHERE = 512, 64
STEPS = 10
"""An epoch keeps so many steps at least, as long as its batches have :data:`SMALL` rows: fewer learn too little."""
SMALL = 8
GPU_SHARE, RAM_SHARE = 0.85, 0.5
"""What a batch may take of the memory that is free; the rest is for what comes and goes, and for others."""
_COPIES = 5
"""Of the weights: themselves, their gradients, two of the optimizer's, and an average."""
_SLACK = 2
"""The gradients of activations live beside these for a while."""


def largest(fits: Callable[[int], bool], most: int) -> int | None:
    """The largest batch that fits: a power of two, or one and a half times one; None where not even :data:`LEAST` does.

    Args:
        fits: whether so many rows do; asked from small to large until they do not.
        most: rows, at most.
    """
    found, rows = None, LEAST
    while rows <= most and fits(rows):
        found, rows = rows, 2 * rows
    if found is not None and found + found // 2 <= most and fits(found + found // 2):
        return found + found // 2
    return found


def largest_batch(job: Fit, model: nn.Module, plan: PhasePlan) -> int:
    """Rows of the largest batch for a phase, on the model's device. It leaves the model as it was.

    Raises:
        OutfoldError: there is too little memory for any.
    """
    on_gpu = _on_gpu(job.precision.device)
    most = min(MOST_ON_GPU if on_gpu else MOST_ELSEWHERE, max(plan.rows // (STEPS * plan.accumulate), SMALL))
    with leaving_nothing(model):
        found = largest(_what_fits(job, model, plan), most)
    if found is None:
        raise OutfoldError(
            f"{plan.where}: batch_size: auto: too little memory for {LEAST} images of {plan.size} pixels at a time",
            remedy="Make size: smaller, take another model:, or precision: bf16 (fp16 on an older GPU).",
        )
    return found


def _what_fits(job: Fit, model: nn.Module, plan: PhasePlan) -> Callable[[int], bool]:
    if plan.precompute:
        return bool  # the head alone, on a few numbers a row
    return by_trial(job, model, plan) if _on_gpu(job.precision.device) else by_estimate(job, model, plan)


def by_trial(job: Fit, model: nn.Module, plan: PhasePlan) -> Callable[[int], bool]:
    """Whether a batch fits, by training two steps of the phase with it; the weights do not stay as they are."""
    data, device = job.data(plan), job.precision.device
    strength = plan.at("strength", plan.steps - 1)

    def steps(rows: int) -> None:
        rows = max(rows, ranks().world)  # each rank tries its share
        step = Step.begin(model, plan, job.loss(plan), job.optimizer, job.precision, seed=0)
        average = Averaging(plan, model)
        for number in range(2):  # the first one makes the optimizer's state
            step(number, data.batches([np.resize(job.rows[:1], rows)], [strength], seed=0), rows)
            average.after_step(number)

    return lambda rows: within_memory(lambda: steps(rows), device)


def within_memory(work: Callable[[], object], device: torch.device) -> bool:
    """Do some work; whether it leaves a margin of the device's memory at its peak."""
    on_gpu = _on_gpu(device)
    empty_cache()
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    try:
        work()
    except (RuntimeError, MemoryError) as error:
        if not is_too_large(error):
            raise
        fits = False
    else:
        fits = not on_gpu or _leaves_a_margin(device)
    empty_cache()
    return fits


def _on_gpu(device: torch.device) -> bool:
    return device.type == "cuda"


def _leaves_a_margin(device: torch.device) -> bool:
    ours = torch.cuda.memory_reserved(device) + torch.cuda.mem_get_info(device)[0]
    return torch.cuda.max_memory_allocated(device) <= GPU_SHARE * ours


def by_estimate(job: Fit, model: nn.Module, plan: PhasePlan) -> Callable[[int], bool]:
    """Whether a batch fits, by what the backward pass needs of a few images; the weights do not stay as they are."""
    image = next(iter(job.data(plan).plain([job.rows[:1]])))
    freezing = freeze(model, layer_groups(model), plan.train, train_bn=plan.train_bn, where=plan.where)
    few, many = (activation_bytes(model, freezing, image, rows, job.precision) for rows in (2, 1002))
    weights = _COPIES * sum(value.numel() * value.element_size() for value in model.parameters())
    free = RAM_SHARE * free_ram()
    return lambda rows: weights + _SLACK * (few + (many - few) * (rows - 2) / 1000) <= free
