"""What the pipelines of learners of tables have in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from outfold.config.features import ColumnOrFeature, Feature
from outfold.config.image_features import ImageFeatures
from outfold.config.learnt_features import PipelineEmbeddings
from outfold.config.pipeline_base import ModelPipelineBase
from outfold.config.value_types import listed, listed_entry


class TablePipelineBase(ModelPipelineBase):
    """Which columns a learner sees, and what is made of them."""

    learner: Any
    image_features: ImageFeatures = ImageFeatures()
    """Features from images, where the contest has them."""
    features: Annotated[list[ColumnOrFeature], BeforeValidator(listed_entry)] | None = None
    """Names of columns: use these only; `image` stands for the features from images. Mappings: features to make, after the contest's own, in order (see features.md)."""
    drop: Annotated[list[str], BeforeValidator(listed)] = []
    """Columns, the contest's own or made, that the learner does not see; features may still be made of them."""

    @property
    def named(self) -> list[str] | None:
        """The columns to use; None: all that have a role."""
        if self.features is None:
            return None
        names = [entry for entry in self.features if isinstance(entry, str)]
        return names if names or not self.features else None

    @property
    def vectors(self) -> list[PipelineEmbeddings]:
        """The vectors of other pipelines that are features of this one."""
        return [entry.embeddings for entry in self.made if entry.embeddings is not None]

    def upstream(self) -> list[str]:
        """The other pipelines that this one learns from, by name: they are made first."""
        return [*super().upstream(), *dict.fromkeys(one.pipeline for one in self.vectors)]

    def calls_hooks(self) -> bool:
        """Whether a function of hooks.py makes features."""
        return any(entry.function is not None for entry in self.made)

    @property
    def made(self) -> list[Feature]:
        """The features to make."""
        return [entry for entry in self.features or () if isinstance(entry, Feature)]
