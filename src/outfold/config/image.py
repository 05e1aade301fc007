"""A pipeline of images: a timm model and its recipe."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    field_validator,
    model_serializer,
    model_validator,
)

from outfold.config.base import StrictModel
from outfold.config.neural import NeuralPipeline, as_pairs, checked_pairs
from outfold.config.phase import Amount, BatchSize, Phase
from outfold.config.value_types import listed

Preset = Literal["none", "basic", "side_on", "top_down", "crop"]
Transform = str | dict[str, dict[str, Any] | None]
"""``HorizontalFlip``, or ``{HorizontalFlip: {p: 0.5}}``; compositions hold theirs as ``{OneOf: {transforms: [...]}}``."""


class Albumentations(StrictModel):
    """Transforms of the albumentations library, and a preset after them; a bare list is short for the first."""

    albumentations: list[Transform]
    """Names, or a name and its arguments: `[{Rotate: {limit: 30}}, HorizontalFlip]`. Applied in this order to the decoded image."""
    preset: Preset = "none"
    """A preset that follows them, on the device."""


def _kind(value: Any) -> str:
    if isinstance(value, (dict, Albumentations)):
        return "mapping"
    return "list" if isinstance(value, list) else "preset"


Augment = Annotated[
    Annotated[Preset, Tag("preset")]
    | Annotated[Albumentations, Tag("mapping")]
    | Annotated[list[Transform], Tag("list")],
    Discriminator(_kind),
]
"""Values of ``augment:``."""


ViewSet = Literal["flips", "dihedral", "crops", "scales"]
DEFAULT_PS = 0.5
"""Dropout before the last layer of a head of ours."""
AS_STORED = {"augment": "none", "mixup": 0.0, "cutmix": 0.0, "erase": 0.0, "train_bn": False}
"""What holds in a phase with precompute, whatever the pipeline says: every row is what is stored of it."""


class ImagePhase(Phase):
    """One entry of ``phases:`` of an image pipeline. Keys that are left out take the pipeline's value."""

    batch_size: BatchSize | None = None
    """Rows a batch. auto: the largest that trains in the memory there is, found once for all folds."""
    precompute: bool = False
    """With train: head: what the frozen layers make of the images is computed once, without augmentation, and shared on disk; an epoch then takes a second."""
    size: int | None = Field(default=None, ge=8, le=10_000)
    """Image size of this phase (progressive resizing)."""
    augment: Augment | None = None
    """Augmentation: a preset, or transforms of albumentations."""
    strength: Amount | None = None
    """Scales every augmentation magnitude; 1 is the preset as named."""
    mixup: Amount | None = None
    """Mixup: each row is blended with another of its batch, lam from Beta(mixup, mixup); 0.4 is usual, 0 is off."""
    cutmix: Amount | None = None
    """CutMix: a box of another image takes the place of a part, of lam from Beta(cutmix, cutmix) the rest; 1 is usual, 0 is off."""
    erase: float | None = Field(default=None, ge=0, le=1)
    """Random erasing: the share of rows of which a rectangle becomes the mean colour."""

    def idle(self) -> dict[str, str]:
        """What a phase of any network has no use for, and the strength of an augmentation that there is not."""
        idle = super().idle()
        if self.precompute:
            idle["strength"] = "has no effect with precompute:, which takes the images as they are"
        elif self.augment == "none":
            idle["strength"] = "has no effect with augment: none"
        return idle

    @model_validator(mode="after")
    def _precomputed(self) -> ImagePhase:
        if self.precompute and self.train != "head":
            raise ValueError(f"precompute: goes with train: head, not with train: {self.train}")
        for key, off in AS_STORED.items():
            if self.precompute and getattr(self, key) not in (None, off):
                raise ValueError(f"precompute: takes the images as they are: {key}: has no place in the same phase")
        return self


class Tta(StrictModel):
    """Test-time augmentation: the original and n augmented passes, or views of it."""

    n: int = Field(default=4, ge=0, le=64)
    """Augmented passes beside the original; 0 is none."""
    views: Annotated[list[ViewSet], BeforeValidator(listed)] | None = Field(default=None, min_length=1)
    """In place of n: flips (the original and its mirror image), dihedral (8), crops (the centre and four corners), scales. Several are combined: flips with crops are ten."""
    scales: list[Annotated[float, Field(ge=0.25, le=4)]] = Field(default=[0.9, 1.0, 1.1], min_length=1)
    """Of views: scales: the image sizes to predict at, by the size that the member was trained at."""
    beta: float | None = Field(default=None, ge=0, le=1)
    """Weight of the original, which is the first pass or view (fastai 2: 0.25). Left out: every one weighs the same, 1 / (n + 1)."""
    average: Literal["probabilities", "logits"] = "probabilities"
    """What is averaged over the passes."""

    def idle(self) -> dict[str, str]:
        """Passes beside views, sizes of no view, and means of one pass."""
        idle = {"n": "has no effect with views:, which take its place"} if self.views else {}
        if "scales" not in (self.views or ()):
            idle["scales"] = "goes with views: scales"
        if not self.views and not self.n:
            idle |= dict.fromkeys(("beta", "average"), "has no effect with n: 0, where the original is the only pass")
        return idle

    @model_validator(mode="after")
    def _passes_or_views(self) -> Tta:
        views = self.views or []
        if len(set(views)) < len(views) or {"flips", "dihedral"} <= set(views):
            raise ValueError("views: each once; dihedral has the flips in it")
        return self

    @model_serializer(mode="wrap")
    def _as_before_views(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # without views, predictions made before there were any keep their fingerprint
        return {key: value for key, value in handler(self).items() if self.views or key not in ("views", "scales")}


def _tta_form(value: Any) -> str:
    """Discriminator of the union, so that errors name only the chosen alternative."""
    return "settings" if isinstance(value, dict | Tta) else "passes"


def _or_native(schema: dict[str, Any]) -> None:
    """The word beside the number, for ``size``."""
    number = {key: schema.pop(key) for key in ("type", "minimum", "maximum") if key in schema}
    schema["anyOf"] = [number, {"const": "native"}]


class ImagePipeline(NeuralPipeline):
    """A timm model trained on the contest's images."""

    INFERENCE: ClassVar[frozenset[str]] = frozenset({"tta"})
    RUNTIME: ClassVar[frozenset[str]] = NeuralPipeline.RUNTIME | {"workers"}

    learner: Literal["image"]
    """image: any timm model."""
    model: str = "resnet34"
    """Any timm model's name."""
    weights: str = "pretrained"
    """pretrained (timm's hub), none (random), or a file of weights (safetensors or a state dict), relative to the contest's root."""
    head: Literal["timm", "concat_pool", "spp"] = "timm"
    """timm: the model's own. concat_pool: maximum and mean of each channel, and a hidden layer. spp: a spatial pyramid in front of it."""
    ps: float | None = Field(default=None, ge=0, lt=1)
    """Dropout before the last layer of concat_pool and spp, and half of it before the hidden one; 0.5. A phase's `dropout` takes its place."""
    timm_args: dict[str, Any] = {}
    """Further arguments of timm's create_model, by timm's own names (`pad_type: same` for weights that come from TensorFlow)."""
    mean: list[float] | None = None
    """Mean of each channel, for pixels in [0, 1], that the weights were trained with. Left out: the model's own, or with channels other than 1 and 3, that of the fold's training rows."""
    std: list[Annotated[float, Field(gt=0)]] | None = None
    """Standard deviation of each channel. Left out: as mean."""
    size: int = Field(default=224, ge=8, le=10_000, json_schema_extra=_or_native)
    """Image size: images become squares of so many pixels a side. native is resize: native at 224 pixels."""
    resize: Literal["crop", "squash", "native"] = "crop"
    """crop keeps the aspect and cuts the longer side; squash keeps all and changes the aspect; native keeps both: rectangles of about size * size pixels, like ones in one batch. For models of any image size."""
    channels: int = Field(default=3, ge=1, le=16)
    """Channels that the model sees; colour images are made grey for 1, grey ones repeated for 3. Any other number is that of the bands in the files (multi-band TIFF)."""
    value_range: list[float] | list[list[float]] | None = None
    """[lowest, highest] stored value, which become 0 and 255, or one such pair a band; bands are then taken as they are stored. Left out: the whole range of 8 or 16 bits."""
    augment: Augment = "side_on"
    """none, basic (rotation, shift, zoom, light), side_on (and left-right flips), top_down (and the 8 dihedral ones), crop (a random part of the image, and left-right flips); or a list of transforms of albumentations, or such and a preset."""
    strength: float = Field(default=1.0, ge=0)
    """Scales every augmentation magnitude; of albumentations, every probability."""
    mixup: float = Field(default=0.0, ge=0)
    """Mixup: each row is blended with another of its batch, lam from Beta(mixup, mixup); 0.4 is usual, 0 is off."""
    cutmix: float = Field(default=0.0, ge=0)
    """CutMix: a box of another image takes the place of a part, of lam from Beta(cutmix, cutmix) the rest; 1 is usual, 0 is off."""
    erase: float = Field(default=0.0, ge=0, le=1)
    """Random erasing: the share of rows of which a rectangle becomes the mean colour. Training only."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout before the classifier."""
    drop_path: float = Field(default=0.0, ge=0, lt=1)
    """Stochastic depth: how often the last residual branch is left out of a training step, for a row; earlier ones less, by a line."""
    workers: int = Field(default=2, ge=0)
    """Threads that prepare batches. Results do not depend on it."""
    batch_size: BatchSize = 64
    """Rows a batch. auto: in each phase the largest that trains in the memory there is, found once for all folds, and as many to predict as fit."""
    phases: list[ImagePhase] = Field(
        default=[ImagePhase(cycles=3, cycle_len=1, cycle_mult=2, lr=1e-3, snapshots=True)], min_length=1
    )
    """The recipe."""
    tta: Annotated[
        Annotated[int, Field(ge=0, le=64), Tag("passes")] | Annotated[Tta, Tag("settings")], Discriminator(_tta_form)
    ] = 4
    """Test-time augmentation: a number of augmented passes, or n or views, beta and average."""

    @model_validator(mode="before")
    @classmethod
    def _native_size(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("size") != "native":
            return given
        if given.get("resize", "native") != "native":
            raise ValueError(
                f"size: native is resize: native at the default size, and contradicts resize: {given['resize']}"
            )
        return {key: value for key, value in given.items() if key != "size"} | {"resize": "native"}

    @field_validator("value_range")
    @classmethod
    def _value_pairs(cls, value: list[Any] | None) -> list[Any] | None:
        return checked_pairs(value)

    @property
    def value_ranges(self) -> list[list[float]]:
        """``value_range`` as a list of pairs: none, one for all bands, or one a band."""
        return as_pairs(self.value_range)

    @property
    def last_dropout(self) -> float:
        """The dropout before the last layer, where a phase does not say."""
        if self.head == "timm":
            return self.dropout
        return DEFAULT_PS if self.ps is None else self.ps

    def idle(self) -> dict[str, str]:
        """What any network has no use for, dropout of the other head, and the strength of no augmentation."""
        idle = super().idle()
        if not any((phase.augment or self.augment) != "none" and not phase.precompute for phase in self.phases):
            idle["strength"] = "has no effect with augment: none"
        return idle

    @model_validator(mode="after")
    def _strength_of_something(self) -> ImagePipeline:
        for number, phase in enumerate(self.phases):
            if phase.sets("strength") and phase.augment is None and self.augment == "none":
                raise ValueError(f"phases[{number}].strength: has no effect with augment: none")
        return self

    @model_validator(mode="after")
    def _one_dropout(self) -> ImagePipeline:
        if self.head == "timm" and self.ps is not None:
            raise ValueError("ps: belongs to head: concat_pool and spp; timm's own head has dropout:")
        if self.head != "timm" and self.dropout:
            raise ValueError(
                f"dropout: belongs to timm's own head; with head: {self.head}, say ps:, or dropout: in a phase"
            )
        return self
