"""``pipelines/*.yaml``: what to try, one file a model. Every key is documented where it is, once."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, TypeAdapter

from outfold.config.base import StrictModel
from outfold.config.gbdt import GbdtPipeline
from outfold.config.image import ImagePipeline
from outfold.config.imported import ImportedPipeline
from outfold.config.linear import LinearPipeline
from outfold.config.sklearn import SklearnPipeline
from outfold.config.tabular import TabularPipeline
from outfold.config.value_types import listed


class BlendConfig(StrictModel):
    """``pipelines/blend.yaml``: how the members become one prediction. The file may be left out."""

    learner: Literal["blend"] = "blend"
    """blend: combines the other pipelines."""
    combiner: Literal["mean3", "ges", "simplex", "stack", "mean", "rank_mean", "hill_climb"] = "mean3"
    """mean3 is the mean of greedy selection, simplex weights and a stacker; each is there by name, too."""
    pipelines: Annotated[list[str], BeforeValidator(listed)] | None = Field(default=None, min_length=1)
    """Blend these pipelines only. Left out: all."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of whatever the combiner draws."""


ModelPipeline = Annotated[
    ImagePipeline | GbdtPipeline | LinearPipeline | TabularPipeline | SklearnPipeline, Field(discriminator="learner")
]
"""What can be trained."""
MODEL: TypeAdapter[ModelPipeline] = TypeAdapter(ModelPipeline)
Pipeline = Annotated[
    ImagePipeline | GbdtPipeline | LinearPipeline | TabularPipeline | SklearnPipeline | ImportedPipeline | BlendConfig,
    Field(discriminator="learner"),
]
"""What a file in ``pipelines/`` can be."""
PIPELINE: TypeAdapter[Pipeline] = TypeAdapter(Pipeline)
