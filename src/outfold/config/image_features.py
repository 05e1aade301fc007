"""What a learner of tables sees of an image."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from outfold.config.base import StrictModel
from outfold.config.value_types import TEXT, short_form


class Backbone(StrictModel):
    """A network that is not trained: what its head would see, the pooled activations of its last layer."""

    model: str
    """Any timm model's name."""
    weights: str = "pretrained"
    """pretrained (timm's hub), none (random), or a file of weights (safetensors or a state dict), relative to the contest's root."""
    size: int = Field(default=224, ge=8)
    """Image size."""
    resize: Literal["crop", "squash"] = "crop"
    """crop keeps the aspect and cuts the longer side; squash keeps all and changes the aspect."""
    timm_args: dict[str, Any] = {}
    """Further arguments of timm's create_model."""
    mean: list[float] | None = Field(default=None, min_length=3, max_length=3)
    """Mean of each channel, for pixels in [0, 1], that the weights were trained with. Left out: the model's own."""
    std: list[float] | None = Field(default=None, min_length=3, max_length=3)
    """Standard deviation of each channel. Left out: the model's own."""


class PipelineBackbone(StrictModel):
    """Another pipeline's trained network, without its head: fold k's features come from its network of fold k."""

    pipeline: str
    """A pipeline with learner: image. It is trained first."""
    member: str | None = None
    """One of its members, such as snapshot-2. Left out: the last one."""


@short_form(TEXT)
def _named(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


def _kind(value: Any) -> str:
    trained = "pipeline" in value if isinstance(value, dict) else isinstance(value, PipelineBackbone)
    return "a trained network" if trained else "a timm model"


AnyBackbone = Annotated[
    Annotated[Backbone, Tag("a timm model")] | Annotated[PipelineBackbone, Tag("a trained network")],
    Discriminator(_kind),
]


class ImageFeatures(StrictModel):
    """Plain numbers from an image, for learners of tables."""

    size: int = Field(default=8, ge=1, le=64)
    """Side of the small grey copy; its pixels are features."""
    statistics: bool = True
    """Mean, spread, skew and quantiles of grey and of each colour; edges, moments and profiles; width, height, aspect and file size."""
    gradients: bool = True
    """How much gradient of each of 8 directions lies in each cell of a 4 x 4 grid."""
    exif: bool = False
    """What the file says of the shot: its orientation, whether it names a camera, a date and a place."""
    backbone: Annotated[AnyBackbone | None, BeforeValidator(_named)] = None
    """A timm model, by name or with its keys, which needs no training, or `{pipeline: ...}`, a network trained by another pipeline: its pooled activations become features beside the others."""
