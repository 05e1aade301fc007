"""A phase, resolved: every key has its value, and lengths are in optimizer steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from outfold.config.image import AS_STORED, Augment, ImagePhase
from outfold.config.neural import NeuralPipeline
from outfold.config.phase import Phase, Ramp, Sampling, Schedule
from outfold.errors import ConfigError
from outfold.training.layer_groups import freeze, layer_groups, spread_lr
from outfold.training.sampler import share_count, steps_per_epoch
from outfold.training.schedules import cycle_ends, lr_scale, one_cycle_momentum, ramp

Scheduled = Literal["weight_decay", "dropout", "label_smoothing", "strength", "mixup", "cutmix"]
"""Keys whose value may change from step to step; read them by :meth:`PhasePlan.at`."""
OF_IMAGES = ("size", "augment", "strength", "mixup", "cutmix", "erase")
ASSUMED = 64
"""The batch size of a phase whose own is yet to be found."""


@dataclass(frozen=True)
class PhasePlan:
    """What the engine does in one phase.

    Attributes:
        number: from 1.
        rows: of an epoch.
        epoch_steps: optimizer steps of a whole epoch.
        ends: the step at which each cycle ends (exclusive); the last one is the phase's length.
        lr: the peak rates; while ``finds_lr``, each group's share of the rate that is yet to be found.
        momentum: None where the schedule cycles it.
        where: for messages.
        precompute, size, augment, strength, mixup, cutmix, erase: of images; a table leaves them as they are.
    """

    number: int
    train: Literal["head", "all"] | int
    schedule: Schedule
    rows: int
    data: float
    sampling: Sampling
    epoch_steps: int
    ends: tuple[int, ...]
    warmup_steps: int
    lr: float | list[float]
    lr_ratio: float | None
    finds_lr: bool
    momentum: float | Ramp | None
    weight_decay: float | Ramp
    batch_size: int
    accumulate: int
    clip_grad: float | None
    dropout: float | Ramp
    label_smoothing: float | Ramp
    train_bn: bool
    snapshots: bool
    ema: float
    swa: bool
    where: str
    precompute: bool = False
    size: int = 0
    augment: Augment = "none"
    strength: float | Ramp = 0.0
    mixup: float | Ramp = 0.0
    cutmix: float | Ramp = 0.0
    erase: float = 0.0

    @property
    def steps(self) -> int:
        return self.ends[-1]

    @property
    def epochs(self) -> int:
        """Epochs, the last of which may be cut short by a cycle of fractional length."""
        return -(-self.steps // self.epoch_steps)

    @property
    def swa_ends(self) -> frozenset[int]:
        """The steps (exclusive) whose weights SWA averages: the ends of cycles, or of epochs where there are none."""
        if self.schedule == "sgdr":
            return frozenset(self.ends)
        return frozenset([*range(self.epoch_steps, self.steps, self.epoch_steps), self.steps])

    def lr_scale(self, step: int) -> float:
        """The factor on every group's learning rate at this step of the phase."""
        return lr_scale(self.schedule, step, self.ends, self.warmup_steps)

    def momentum_at(self, step: int) -> float:
        """The momentum at this step of the phase."""
        if self.momentum is None:
            return one_cycle_momentum(step, self.steps)
        return ramp(self.momentum, step, self.steps)

    def at(self, key: Scheduled, step: int) -> float:
        """The value of a hyper-parameter at this step of the phase."""
        return ramp(getattr(self, key), step, self.steps)


def plan_phases(
    config: NeuralPipeline, rows: int, where: str, found: Mapping[int, int] | None = None
) -> list[PhasePlan]:
    """The pipeline's phases for a training part of ``rows`` rows.

    Args:
        found: the batch size of the phases that have ``auto``, by their number; :data:`ASSUMED` where it is not known.
    """
    return [
        _plan(config, phase, number, rows, where, (found or {}).get(number, ASSUMED))
        for number, phase in enumerate(config.phases, start=1)
    ]


def asks_for_batch_size(config: NeuralPipeline) -> list[int]:
    """The numbers of the phases that have ``batch_size: auto``."""
    sizes = [phase.batch_size or config.batch_size for phase in config.phases]
    return [number for number, size in enumerate(sizes, start=1) if size == "auto"]


def _plan(config: NeuralPipeline, phase: Phase, number: int, rows: int, where: str, found: int) -> PhasePlan:
    precompute = isinstance(phase, ImagePhase) and phase.precompute

    def value(key: str) -> Any:
        if precompute and key in AS_STORED:
            return AS_STORED[key]
        own = getattr(phase, key)
        return getattr(config, key) if own is None else own

    rows = share_count(rows, phase.data)
    batch_size = found if value("batch_size") == "auto" else value("batch_size")
    epoch_steps = steps_per_epoch(rows, batch_size, value("accumulate"))
    cycles_momentum = phase.kind == "one_cycle" and phase.momentum is None
    return PhasePlan(
        number=number,
        train=phase.train,
        schedule=phase.kind,
        rows=rows,
        data=phase.data,
        sampling=value("sampling"),
        epoch_steps=epoch_steps,
        ends=tuple(cycle_ends(phase.cycle_epochs, epoch_steps)),
        warmup_steps=round(phase.warmup * epoch_steps),
        lr=phase.given_lr,
        lr_ratio=phase.lr_ratio,
        finds_lr=phase.lr == "find",
        momentum=None if cycles_momentum else value("momentum"),
        weight_decay=value("weight_decay"),
        batch_size=batch_size,
        accumulate=value("accumulate"),
        clip_grad=value("clip_grad"),
        dropout=config.last_dropout if phase.dropout is None else phase.dropout,
        label_smoothing=value("label_smoothing"),
        train_bn=bool(value("train_bn")),
        snapshots=phase.snapshots,
        ema=0.0 if phase.swa else value("ema"),
        swa=phase.swa,
        where=f"{where}: phases[{number - 1}]",
        precompute=precompute,
        **({key: value(key) for key in OF_IMAGES} if isinstance(phase, ImagePhase) else {}),
    )


def check_recipe(model: nn.Module, phases: Sequence[Phase], where: str) -> None:
    """Raises ConfigError for learning rates or layer groups that the model does not have, before hours are spent."""
    groups = layer_groups(model)
    for number, phase in enumerate(phases):
        spread_lr(phase.given_lr, phase.lr_ratio, len(groups), f"{where}: phases[{number}]")
        freeze(model, groups, phase.train, train_bn=False, where=f"{where}: phases[{number}]")


def check_batches(plans: Sequence[PhasePlan]) -> None:
    """Raises ConfigError for a batch of a single row, which BatchNorm cannot take statistics from."""
    for plan in plans:
        rows = plan.rows
        if rows // -(-rows // plan.batch_size) < 2:
            raise ConfigError(
                f"{plan.where}: batch_size: {plan.batch_size} cuts {rows} training rows into batches of one",
                remedy="Take at least 2; accumulate: makes steps larger without more memory.",
            )
