"""``batch_size: auto`` of an image pipeline: found by the fold that comes first, and the same for all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from outfold.config.image import ImagePipeline
from outfold.data.memory_map import turn
from outfold.learners.image.members import Voter
from outfold.store.atomic import write_json
from outfold.store.fingerprint import fingerprint
from outfold.store.fold_dir import Shelf
from outfold.training.batch_size import MOST_ELSEWHERE, MOST_ON_GPU, largest, largest_batch, within_memory
from outfold.training.recipe import PhasePlan, asks_for_batch_size, check_batches, plan_phases
from outfold.training.trainer import Fit

FILE = "batch_size.json"
"""Beside the folders of the folds."""


def settled(job: Fit, model: nn.Module, config: ImagePipeline, where: str) -> Fit:
    """The job with a number in each phase that has ``auto``; the model stays as it was.

    Raises:
        OutfoldError: there is too little memory for any batch.
    """
    asked = asks_for_batch_size(config)
    if not asked:
        return job

    def find(plan: PhasePlan) -> int:
        rows = largest_batch(job, model, plan)
        job.reporter.note(f"{job.label}, phase {plan.number}: batch_size: auto: {rows}")
        return rows

    found = {
        plan.number: agreed(job.shelf, f"phase {plan.number}", partial(find, plan))
        for plan in job.phases
        if plan.number in asked
    }
    phases = plan_phases(config, len(job.rows), where, found)
    check_batches(phases)
    return replace(job, phases=phases)


def rows_to_predict(config: ImagePipeline, voter: Voter, device: torch.device, predict: Callable[[int], object]) -> int:
    """How many rows are predicted at a time: ``batch_size``, or with ``auto`` as many as the device has memory for.

    Args:
        voter: one of those that predict together.
        predict: so many rows, for a trial.
    """
    if config.batch_size != "auto":
        return config.batch_size
    if device.type != "cuda":
        return MOST_ELSEWHERE

    def find() -> int:
        return largest(lambda rows: within_memory(lambda: predict(rows), device), MOST_ON_GPU) or 1

    return agreed(voter.shelf, f"predict at {voter.size} pixels on {torch.cuda.get_device_name(device)}", find)


def agreed(shelf: Shelf, key: str, find: Callable[[], int]) -> int:
    """A number that the folds of a pipeline have in common: found once, while the others wait, and then read.

    It is kept beside the shelves and holds as long as what they are made of.
    """
    path = shelf.folder.parent / FILE
    with turn(path.with_name(f".{FILE}.lock")):
        found = _found(path, shelf.fingerprint)
        if key not in found:
            found[key] = find()
            facts = {"made_of": shelf.fingerprint, "found": found}
            write_json(path, {**facts, "sha256": fingerprint(**facts)})
        return found[key]


def _found(path: Path, made_of: str | None) -> dict[str, int]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        facts = {"made_of": known["made_of"], "found": dict(known["found"])}
        intact = known.get("sha256", fingerprint(**facts)) == fingerprint(**facts)  # older versions wrote none
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return facts["found"] if intact and facts["made_of"] == made_of else {}
