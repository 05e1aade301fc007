"""What a training that was killed needs to go on as if nothing had happened, and the members that it leaves behind."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from outfold.store.fold_dir import HISTORY, Shelf
from outfold.training.distributed import ranks

CHECKPOINT = "checkpoint.pt"


@dataclass
class Progress:
    """How far a training is. No random state is kept: each epoch seeds its own.

    Attributes:
        phase: index of the phase under way.
        epoch: whole epochs of it that are done.
        members: what has been saved so far, in order: name and image size.
        history: one entry an epoch.
        found_lr: of phases that find their learning rate: what was found, by the phase's number.
    """

    phase: int = 0
    epoch: int = 0
    members: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    found_lr: dict[int, float] = field(default_factory=dict)


def save_checkpoint(
    shelf: Shelf,
    progress: Progress,
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None,
    scaler: torch.amp.GradScaler,
    average: dict[str, Any] | None = None,
) -> None:
    """Replace the checkpoint, whole or not at all; ``optimizer`` and ``average`` are None between phases."""
    if not ranks().leads:
        return
    shelf.put(HISTORY, "".join(json.dumps(entry) + "\n" for entry in progress.history).encode())
    state = {
        "progress": asdict(progress),
        "model": model.state_dict(),
        "optimizer": None if optimizer is None else optimizer.state_dict(),
        "scaler": scaler.state_dict(),
        "average": average,
    }
    with shelf.writing(CHECKPOINT) as beside:
        torch.save(state, beside)


def load_checkpoint(shelf: Shelf, device: torch.device) -> tuple[Progress, dict[str, Any]] | None:
    """The progress, and the states of model, optimizer, scaler and average; None where there is no checkpoint."""
    if not shelf.has(CHECKPOINT):
        return None
    state = torch.load(shelf.checked(CHECKPOINT), map_location=device, weights_only=True)
    return Progress(**state.pop("progress")), state


def weights_file(member: str) -> str:
    """The name of a member's file on the shelf."""
    return f"{member}.safetensors"


def save_member(shelf: Shelf, member: str, model: nn.Module) -> None:
    """Put the model's weights on the shelf, in float32 and plain memory order, which any tool reads."""
    if not ranks().leads:
        return
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with shelf.writing(weights_file(member)) as beside:
        save_file(state, beside)


def load_member(shelf: Shelf, member: str) -> dict[str, Tensor]:
    """A member's weights, on the CPU."""
    return load_file(shelf.checked(weights_file(member)))
