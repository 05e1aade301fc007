"""The members of trained folds, as they vote: what each needs, and which fit into memory together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from outfold.learners.neural.model_info import told_of
from outfold.store.fold_dir import Shelf
from outfold.training.checkpoint import weights_file
from outfold.training.losses import Loss

_GPU_SHARE, _CPU_BYTES = 0.5, 4e9


@dataclass(frozen=True)
class Voter:
    """One member of one fold, and what it takes to use it."""

    fold: int
    member: str
    size: int
    mean: list[float]
    std: list[float]
    loss: Loss
    shelf: Shelf


def voters_of(
    fold: int, shelf: Shelf, loss_of: Callable[[Mapping[str, Any]], Loss], device: torch.device
) -> Iterator[Voter]:
    """The members of a trained fold, each with what turns its outputs into predictions.

    Args:
        loss_of: the loss, from what the fold's model.json says.
    """
    facts = told_of(shelf)
    loss = loss_of(facts)
    for member in facts["members"]:
        yield Voter(fold, member["name"], member["size"], facts["mean"], facts["std"], loss.to(device), shelf)


def groups_that_fit(voters: Sequence[Voter], device: torch.device) -> list[list[Voter]]:
    """Voters that share a size and fit into memory together: the images are read once for each group."""
    free = torch.cuda.mem_get_info(device)[0] * _GPU_SHARE if device.type == "cuda" else _CPU_BYTES
    groups: dict[tuple, list[Voter]] = {}
    used: dict[tuple, float] = {}
    for voter in voters:
        base = (voter.size, *voter.mean, *voter.std)
        used[base] = used.get(base, 0) + voter.shelf.checked(weights_file(voter.member)).stat().st_size
        groups.setdefault((*base, used[base] // free), []).append(voter)
    return list(groups.values())
