"""One model on several devices: every rank takes the same steps, each with its share of a step's rows.

A step's gradient is the mean of what the ranks have found (``DistributedDataParallel``), and the loss of each is taken
such that this mean is the gradient of the whole step. So ``batch_size`` is that of all ranks together, and the training
is that of one process, but for what a rank draws for itself (dropout, and whom mixup and CutMix blend a row with) and
for BatchNorm, whose statistics are those of all ranks on GPUs alone.

The first rank leads: it saves, validates and logs. torchrun starts the ranks; see
:mod:`outfold.runs.parallel.ddp_launcher`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from outfold.errors import OutfoldError
from outfold.randomness import derive_seed
from outfold.training.step import Inputs, Step


@dataclass(frozen=True)
class Ranks:
    """This process among those that train one model together.

    Attributes:
        rank: its number.
        world: how many there are.
    """

    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the rank that saves, validates and speaks."""
        return self.rank == 0

    def share(self, batches: Sequence[NDArray]) -> list[NDArray]:
        """This rank's part of each batch: the parts of all ranks are the batch, and differ by a row at most.

        Raises:
            OutfoldError: a batch has fewer rows than there are ranks.
        """
        if self.world == 1:
            return list(batches)
        least = min(map(len, batches), default=self.world)
        if least < self.world:
            raise OutfoldError(
                f"a batch of {least} rows cannot be shared by {self.world} processes",
                remedy=f"Take a batch_size: of {2 * self.world} or more, for it is that of all processes together.",
            )
        return [batch[self.rank :: self.world] for batch in batches]

    def own(self, seed: int) -> int:
        """A seed for what each rank draws for itself; the first one's is that of a process alone."""
        return seed if self.rank == 0 else derive_seed(seed, "rank", self.rank)

    def meet(self) -> None:
        """Wait until every rank has come here."""
        if self.world > 1:
            dist.all_reduce(torch.zeros(1))

    def agree(self, model: nn.Module) -> None:
        """Give every rank the first one's weights and statistics."""
        if self.world > 1:
            for tensor in model.state_dict().values():
                dist.broadcast(tensor, src=0)

    def in_step(self, step: Step) -> Step:
        """The step, taken by all ranks together."""
        if self.world == 1:
            return step
        shared = _SharedStep(**{field.name: getattr(step, field.name) for field in fields(step)})
        shared.ranks, shared.seed = self, self.own(step.seed)
        device = step.precision.device
        shared.model = DistributedDataParallel(step.model, device_ids=[device] if device.type == "cuda" else None)
        return shared

    def synchronised(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The model, its BatchNorm layers in training taking their statistics from all ranks: on GPUs alone."""
        if self.world == 1 or device.type != "cuda":
            return model
        from timm.layers import convert_sync_batchnorm

        converted: nn.Module = convert_sync_batchnorm(model)
        return converted


class _SharedStep(Step):
    ranks: Ranks

    def __call__(self, number: int, batches: Iterator[tuple[Inputs, Tensor]], rows: int | float) -> Tensor:
        """As that of one process, with ``rows`` those of all ranks; the loss is of all ranks, too."""
        total = super().__call__(number, batches, rows / self.ranks.world)
        dist.all_reduce(total)
        return total / self.ranks.world


def ranks() -> Ranks:
    """This process among its ranks; alone, where nothing else was begun."""
    if dist.is_available() and dist.is_initialized():
        return Ranks(dist.get_rank(), dist.get_world_size())
    return Ranks()
