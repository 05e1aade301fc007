"""What the files of all networks have in common: the keys of the training engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from outfold.config.phase import BatchSize, Phase, Sampling
from outfold.config.pipeline_base import ModelPipelineBase, Pseudo


def as_pairs(value: list[Any] | None) -> list[list[float]]:
    """[lowest, highest], or a list of such pairs, as a list of pairs; none for None."""
    return [value] if value and not isinstance(value[0], list) else value or []


def checked_pairs(value: list[Any] | None) -> list[Any] | None:
    """The same value.

    Raises:
        ValueError: a pair that is none, or whose ends are not in order.
    """
    for pair in as_pairs(value):
        if len(pair) != 2 or not pair[0] < pair[1]:
            raise ValueError(f"{pair}: expected [lowest, highest]")
    return value


class NeuralPipeline(ModelPipelineBase):
    """Any network that the engine trains."""

    RUNTIME: ClassVar[frozenset[str]] = frozenset({"device", "devices", "jobs"})

    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of everything that is random in this pipeline."""
    optimizer: Literal["sgd", "adam", "adamw"] = "adamw"
    """adamw; adam, with weight decay as a part of the gradient (L2); sgd, with momentum."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of SGD, or the first beta of Adam and AdamW."""
    beta2: float = Field(default=0.999, gt=0, lt=1)
    """The second beta of Adam and AdamW: how slowly the mean of squared gradients forgets. fastai 2 has 0.99."""
    weight_decay: float = Field(default=1e-2, ge=0)
    """Weight decay; norms and biases are left out."""
    batch_size: BatchSize
    """Rows a batch."""
    accumulate: int = Field(default=1, ge=1)
    """Batches a step."""
    clip_grad: float | None = Field(default=None, gt=0)
    """Clip the gradient's norm."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Label smoothing of the cross entropy."""
    loss: Literal["focal", "asymmetric"] | None = None
    """Left out: cross entropy for classes, squared error for numbers. focal: what is easy counts less; asymmetric: easy negatives count less (multilabel)."""
    gamma: float | None = Field(default=None, ge=0)
    """How much less: the exponent of focal (2) and of asymmetric's negatives (4)."""
    target_range: list[float] | list[list[float]] | None = None
    """Regression: [lowest, highest] value that a target can take, or one such pair a target; a scaled sigmoid keeps to it."""
    loss_weights: dict[str, Annotated[float, Field(ge=0)]] = {}
    """Of several targets (task: multitask): what the loss of each weighs in the sum, by its column; 1 where left out."""
    class_weight: Literal["balanced"] | None = None
    """balanced: each class weighs the same in the loss, however rare."""
    sampling: Sampling = "rows"
    """rows: each row once an epoch. balanced: as many rows an epoch, each class as often as the others; a rare one's are repeated."""
    ema: float = Field(default=0.0, ge=0, lt=1)
    """Exponential moving average of the weights, begun with each phase: 0.999 is usual; validation and members have it. 0 is off."""
    train_bn: bool = False
    """Let BatchNorm of frozen layers go on learning."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """auto: bf16 where the device is fast at it, else fp16 on a GPU, else fp32."""
    compile: bool = False
    """Put the steps of training through torch.compile: a minute or more to begin with, then faster ones on a GPU; without a compiler, a warning and no difference."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    devices: list[str] = []
    """Devices that folds side by side are given in turn, and as many folds where `jobs` is left out: [cuda:0, cuda:1]. Left out: all GPUs."""
    phases: Sequence[Phase]
    """The recipe."""
    pseudo: Pseudo | None = None
    """Learn from test rows, too, as other pipelines predict them."""

    @model_validator(mode="after")
    def _gamma_of_a_loss(self) -> NeuralPipeline:
        if self.gamma is not None and self.loss is None:
            raise ValueError("gamma: belongs to loss: focal and asymmetric")
        return self

    def idle(self) -> dict[str, str]:
        """What the optimizer or the phases leave without effect."""
        idle = {"beta2": "belongs to optimizer: adam and adamw"} if self.optimizer == "sgd" else {}
        if not self.by_engine:
            return idle
        if all(phase.kind == "one_cycle" for phase in self.phases):
            idle["momentum"] = "has no effect with schedule: one_cycle, which moves it; say it in a phase"
        if all(phase.swa for phase in self.phases):
            idle["ema"] = "has no effect with swa:, which takes its place in every phase"
        if all(phase.train == "all" for phase in self.phases):
            idle["train_bn"] = "has no effect where no phase freezes a layer (train: head, or a number of groups)"
        return idle

    @field_validator("target_range")
    @classmethod
    def _target_pairs(cls, value: list[Any] | None) -> list[Any] | None:
        return checked_pairs(value)

    @property
    def target_ranges(self) -> list[list[float]]:
        """``target_range`` as a list of pairs: none, one for all targets, or one a target."""
        return as_pairs(self.target_range)

    @property
    def by_engine(self) -> bool:
        """Whether the engine trains it, and not a library with a loop of its own."""
        return True

    @property
    def last_dropout(self) -> float:
        """The dropout before the last layer, where a phase does not say."""
        raise NotImplementedError
