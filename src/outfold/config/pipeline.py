"""``pipelines/*.yaml``: what to try, one file a model. Every key is documented here, once."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    field_validator,
    model_serializer,
    model_validator,
)

from outfold.config.augment import Augment
from outfold.config.gbdt import GbdtPipeline
from outfold.config.linear import LinearPipeline
from outfold.config.model import StrictModel
from outfold.config.phase import BatchSize, Phase, Sampling
from outfold.config.pipeline_base import ModelPipelineBase
from outfold.config.pseudo import Pseudo

ViewSet = Literal["flips", "dihedral", "crops", "scales"]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Tta(StrictModel):
    """Test-time augmentation: the original and n augmented passes, or views of it."""

    n: int = Field(default=4, ge=0, le=64)
    """Augmented passes beside the original; 0 is none."""
    views: Annotated[list[ViewSet], BeforeValidator(_listed)] | None = Field(default=None, min_length=1)
    """In place of n: flips (the original and its mirror image), dihedral (8), crops (the centre and four corners), scales. Several are combined: flips with crops are ten."""
    scales: list[Annotated[float, Field(ge=0.25, le=4)]] = Field(default=[0.9, 1.0, 1.1], min_length=1)
    """Of views: scales: the image sizes to predict at, by the size that the member was trained at."""
    beta: float | None = Field(default=None, ge=0, le=1)
    """Weight of the original, which is the first pass or view (fastai 2: 0.25). Left out: every one weighs the same, 1 / (n + 1)."""
    average: Literal["probabilities", "logits"] = "probabilities"
    """What is averaged over the passes."""

    @model_validator(mode="after")
    def _passes_or_views(self) -> Tta:
        views, given = self.views or [], self.model_fields_set
        if views and "n" in given:
            raise ValueError("give n: or views:, not both")
        if "scales" in given and "scales" not in views:
            raise ValueError("scales: goes with views: scales")
        if len(set(views)) < len(views) or {"flips", "dihedral"} <= set(views):
            raise ValueError("views: each once; dihedral has the flips in it")
        return self

    @model_serializer(mode="wrap")
    def _as_before_views(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # without views, predictions made before there were any keep their fingerprint
        return {key: value for key, value in handler(self).items() if self.views or key not in ("views", "scales")}


def _as_pairs(value: list[Any] | None) -> list[list[float]]:
    return [value] if value and not isinstance(value[0], list) else value or []


class ImagePipeline(ModelPipelineBase):
    """A timm model trained on the contest's images."""

    INFERENCE: ClassVar[frozenset[str]] = frozenset({"tta"})
    RUNTIME: ClassVar[frozenset[str]] = frozenset({"device", "devices", "jobs", "workers"})

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
    std: list[float] | None = None
    """Standard deviation of each channel. Left out: as mean."""
    seed: int = 0
    """Seed of everything that is random in this pipeline."""
    size: int = Field(default=224, ge=8)
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
    optimizer: Literal["sgd", "adamw"] = "adamw"
    """The optimizer."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of SGD, or the first beta of AdamW."""
    weight_decay: float = Field(default=1e-2, ge=0)
    """Weight decay; norms and biases are left out."""
    batch_size: BatchSize = 64
    """Rows a batch. auto: in each phase the largest that trains in the memory there is, found once for all folds, and as many to predict as fit."""
    accumulate: int = Field(default=1, ge=1)
    """Batches a step."""
    clip_grad: float | None = Field(default=None, gt=0)
    """Clip the gradient's norm."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout before the classifier."""
    drop_path: float = Field(default=0.0, ge=0, lt=1)
    """Stochastic depth: how often the last residual branch is left out of a training step, for a row; earlier ones less, by a line."""
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
    """rows: each row once an epoch. balanced: as many rows an epoch, each class as often as the others; a rare one's are repeated, augmented anew."""
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
    workers: int = Field(default=2, ge=0)
    """Threads that prepare batches. Results do not depend on it."""
    phases: list[Phase] = Field(
        default=[Phase(cycles=3, cycle_len=1, cycle_mult=2, lr=1e-3, snapshots=True)], min_length=1
    )
    """The recipe."""
    tta: int | Tta = 4
    """Test-time augmentation: a number of augmented passes, or n or views, beta and average."""
    pseudo: Pseudo | None = None
    """Learn from test rows, too, as other pipelines predict them."""

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

    @model_validator(mode="after")
    def _gamma_of_a_loss(self) -> ImagePipeline:
        if self.gamma is not None and self.loss is None:
            raise ValueError("gamma: belongs to loss: focal and asymmetric")
        return self

    @field_validator("target_range", "value_range")
    @classmethod
    def _pairs(cls, value: list[Any] | None) -> list[Any] | None:
        for pair in _as_pairs(value):
            if len(pair) != 2 or not pair[0] < pair[1]:
                raise ValueError(f"{pair}: expected [lowest, highest]")
        return value

    @property
    def target_ranges(self) -> list[list[float]]:
        """``target_range`` as a list of pairs: none, one for all targets, or one a target."""
        return _as_pairs(self.target_range)

    @property
    def value_ranges(self) -> list[list[float]]:
        """``value_range`` as a list of pairs: none, one for all bands, or one a band."""
        return _as_pairs(self.value_range)

    @model_validator(mode="after")
    def _one_dropout(self) -> ImagePipeline:
        if self.head == "timm" and self.ps is not None:
            raise ValueError("ps: belongs to head: concat_pool and spp; timm's own head has dropout:")
        if self.head != "timm" and self.dropout:
            raise ValueError(
                f"dropout: belongs to timm's own head; with head: {self.head}, say ps:, or dropout: in a phase"
            )
        return self


class BlendConfig(StrictModel):
    """``pipelines/blend.yaml``: how the members become one prediction. The file may be left out."""

    learner: Literal["blend"] = "blend"
    """blend: combines the other pipelines."""
    combiner: Literal["mean3", "ges", "simplex", "stack", "mean", "rank_mean", "hill_climb"] = "mean3"
    """mean3 is the mean of greedy selection, simplex weights and a stacker; each is there by name, too."""
    pipelines: list[str] | None = None
    """Blend these pipelines only. Left out: all."""
    seed: int = 0
    """Seed of whatever the combiner draws."""


ModelPipeline = Annotated[ImagePipeline | GbdtPipeline | LinearPipeline, Field(discriminator="learner")]
"""What can be trained."""
Pipeline = Annotated[ImagePipeline | GbdtPipeline | LinearPipeline | BlendConfig, Field(discriminator="learner")]
"""What a file in ``pipelines/`` can be."""
PIPELINE: TypeAdapter[Pipeline] = TypeAdapter(Pipeline)
