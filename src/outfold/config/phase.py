"""A phase of neural training: which layers learn, for how long, at which learning rates."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    Tag,
    field_validator,
    model_serializer,
    model_validator,
)

from outfold.config.base import StrictModel


class Ramp(StrictModel):
    """A value that moves from the first step of the phase to its last; a number instead stays as it is."""

    model_config = ConfigDict(populate_by_name=True, json_schema_extra={"required": ["from"]})

    start: NonNegativeFloat = Field(alias="from")
    """The value at the first step."""
    end: NonNegativeFloat = Field(alias="to")
    """The value at the last step; left out with shape: constant."""
    shape: Literal["constant", "linear", "cosine"] = "linear"
    """linear; cosine: slow at both ends; constant: stays at from, as a plain number does."""

    @model_validator(mode="before")
    @classmethod
    def _stays(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("shape") != "constant" or "from" not in given:
            return given
        if given.get("to", given["from"]) != given["from"]:
            raise ValueError("shape: constant stays at from:; leave to: out, or take linear or cosine")
        return {**given, "to": given["from"]}

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        return {"from": self.start, "to": self.end, "shape": self.shape}


def _below_one(ramp: Ramp) -> Ramp:
    if max(ramp.start, ramp.end) >= 1:
        raise ValueError("from and to must be less than 1")
    return ramp


def _form(value: Any) -> str:
    """Discriminator of the union, so that errors name only the chosen alternative."""
    return "ramp" if isinstance(value, (dict, Ramp)) else "number"


Amount = Annotated[
    Annotated[NonNegativeFloat, Tag("number")] | Annotated[Ramp, Tag("ramp")],
    Discriminator(_form),
]
"""A number from 0 up, or a ramp of such."""
Share = Annotated[
    Annotated[float, Field(ge=0, lt=1), Tag("number")] | Annotated[Ramp, AfterValidator(_below_one), Tag("ramp")],
    Discriminator(_form),
]
"""A number in [0, 1), or a ramp of such."""


Schedule = Literal["sgdr", "cosine", "one_cycle", "slanted_triangular", "flat_cosine", "constant"]
Sampling = Literal["rows", "balanced"]
BatchSize = Annotated[
    Annotated[int, Field(ge=1), Tag("number")] | Annotated[Literal["auto"], Tag("word")],
    Discriminator(lambda value: "word" if value == "auto" else "number"),
]
"""A number of rows, or the largest that fits."""


class Phase(StrictModel):
    """One entry of ``phases:``, whatever the network. Keys that are left out take the pipeline's value."""

    train: Literal["head", "all"] | int = "all"
    """Which layer groups learn: the head, all, or the last N groups. The others are frozen."""
    epochs: float | None = Field(default=None, gt=0)
    """Length of the phase, for schedules other than sgdr."""
    schedule: Schedule | None = None
    """sgdr where cycles are given, else one_cycle."""
    cycles: int | None = Field(default=None, ge=1)
    """Number of SGDR cycles (warm restarts)."""
    cycle_len: float = Field(default=1.0, gt=0)
    """Epochs of the first cycle."""
    cycle_mult: float = Field(default=1.0, ge=1)
    """Each cycle is this many times longer than the one before."""
    warmup: float = Field(default=0.0, ge=0)
    """Epochs of linear warm-up from lr/100 at the start of the phase, for sgdr and cosine."""
    lr: PositiveFloat | list[PositiveFloat] | Literal["find"] = 1e-2
    """Peak learning rate. A list has one per layer group, from the stem to the head; two numbers are spread geometrically. find: the learning-rate finder's valley, found in each fold as the phase begins."""
    lr_ratio: float | None = Field(default=None, ge=1)
    """With one lr, or find: each group below the head learns this many times slower than the one above it."""
    data: float = Field(default=1.0, gt=0, le=1)
    """Share of the fold's training rows that the phase learns from, stratified: the same ones in each epoch."""
    sampling: Sampling | None = None
    """rows: each row once an epoch. balanced: each class as often as the others."""
    batch_size: BatchSize | None = None
    """Rows a batch."""
    accumulate: int | None = Field(default=None, ge=1)
    """Batches a step: gradients are summed, so that the effective batch is accumulate * batch_size."""
    weight_decay: Amount | None = None
    """Weight decay; norms and biases are left out."""
    momentum: Share | None = None
    """Momentum of SGD, or the first beta of Adam and AdamW. one_cycle moves it from .95 to .85 and back unless it is set here."""
    dropout: Share | None = None
    """Dropout before the classifier."""
    label_smoothing: Share | None = None
    """Label smoothing of the cross entropy."""
    clip_grad: float | None = Field(default=None, gt=0)
    """Clip the gradient's norm."""
    train_bn: bool | None = None
    """Let BatchNorm of frozen layers go on learning (fastai 2's default); left out: it stays in eval mode."""
    ema: float | None = Field(default=None, ge=0, lt=1)
    """Exponential moving average of the weights, begun with the phase: 0.999 is usual; validation and members have it. 0 is off."""
    swa: bool = False
    """End the phase with the mean of the weights at the end of each cycle (or epoch, without cycles), in place of ema."""
    snapshots: bool = False
    """Keep the weights at the end of each cycle as a member of the ensemble."""

    @model_validator(mode="after")
    def _lengths(self) -> Phase:
        if self.schedule in (None, "sgdr") and self.cycles is None and self.epochs is None:
            raise ValueError("a phase needs cycles: (with cycle_len, cycle_mult) or epochs:")
        if self.cycles is not None and self.epochs is not None:
            raise ValueError("give cycles: or epochs:, not both")
        if self.schedule == "sgdr" and self.cycles is None:
            raise ValueError("schedule: sgdr needs cycles:")
        if self.schedule not in (None, "sgdr") and self.epochs is None:
            raise ValueError(f"schedule: {self.schedule} needs epochs:")
        if isinstance(self.lr, list) and self.lr_ratio is not None:
            raise ValueError("lr_ratio: goes with a single lr, not with a list")
        return self

    def idle(self) -> dict[str, str]:
        """Lengths of cycles without cycles, warm-up of schedules that have their own, rates of frozen groups."""
        idle: dict[str, str] = {}
        if self.cycles is None:
            for key in ("cycle_len", "cycle_mult"):
                idle[key] = "has no effect without cycles:; with epochs: the phase is one cycle of that length"
        elif self.cycles == 1:
            idle["cycle_mult"] = "has no effect with cycles: 1; it makes each cycle after the first longer"
        if self.kind not in ("sgdr", "cosine"):
            idle["warmup"] = f"has no effect with schedule: {self.kind}; it belongs to sgdr and cosine"
        if self.train in ("head", 1):
            idle["lr_ratio"] = f"has no effect with train: {self.train}, where one layer group learns"
        if self.train == "all":
            idle["train_bn"] = "has no effect with train: all, where no layer is frozen"
        return idle

    @model_validator(mode="after")
    def _one_average(self) -> Phase:
        if self.swa and self.ema:
            raise ValueError("give swa: or ema:, not both")
        if self.swa and (self.cycles if self.cycles is not None else self.epochs or 0) < 2:
            raise ValueError("swa: averages the ends of cycles, or of epochs: the phase needs two at least")
        return self

    @field_validator("lr")
    @classmethod
    def _not_empty(cls, lr: float | list[float] | str) -> float | list[float] | str:
        if lr == []:
            raise ValueError("lr: needs at least one number")
        return lr

    @field_validator("train")
    @classmethod
    def _at_least_one(cls, train: str | int) -> str | int:
        if isinstance(train, int) and train < 1:
            raise ValueError("train: head, all, or a number of layer groups from 1 up")
        return train

    @property
    def given_lr(self) -> float | list[float]:
        """The peak rates; 1 where they are to be found, so that groups have their shares of it."""
        return 1.0 if isinstance(self.lr, str) else self.lr

    @property
    def kind(self) -> Schedule:
        """The schedule after defaults."""
        return self.schedule or ("sgdr" if self.cycles is not None else "one_cycle")

    @property
    def cycle_epochs(self) -> list[float]:
        """Epochs of each cycle: ``cycle_len * cycle_mult**k``; one entry where there are no restarts."""
        if self.cycles is None:
            assert self.epochs is not None
            return [self.epochs]
        return [self.cycle_len * self.cycle_mult**k for k in range(self.cycles)]
