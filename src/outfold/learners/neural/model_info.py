"""What a network's fold leaves on its shelf beside weights: what its predictions need to know, and what it took."""

from __future__ import annotations

import json
from typing import Any

from torch import nn

from outfold.pseudo_labels import PseudoLabels
from outfold.store.fold_dir import Shelf
from outfold.training.checkpoint import CHECKPOINT, Progress
from outfold.training.layer_groups import layer_groups
from outfold.training.trainer import Fit

_MODEL = "model.json"


def put_trained(
    job: Fit, model: nn.Module, done: Progress, own: int, pseudo: PseudoLabels | None, told: dict[str, Any]
) -> None:
    """Leave both on the job's shelf, which is then trained.

    Args:
        own: how many of the job's rows are the contest's training rows; the others are pseudo-labelled.
        told: what predictions need to know.
    """
    job.shelf.put(_MODEL, (json.dumps(told, indent=2) + "\n").encode())
    job.shelf.finish(
        members=[member["name"] for member in done.members],
        epochs=len(done.history),
        seconds=sum(entry["seconds"] for entry in done.history),
        waited=sum(entry["waiting"] * entry["seconds"] for entry in done.history),
        rows=len(job.rows),
        batch_size=[plan.batch_size for plan in job.phases],
        groups=len(layer_groups(model)),
        **({} if pseudo is None else {"pseudo": len(job.rows) - own}),
    )
    job.shelf.discard(CHECKPOINT)


def told_of(shelf: Shelf) -> dict[str, Any]:
    """What predictions of a fold need to know.

    Raises:
        FileNotFoundError: the fold is not trained.
    """
    found: dict[str, Any] = shelf.read_json(_MODEL)
    return found
