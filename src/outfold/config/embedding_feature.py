"""``features: [{embeddings: ...}]``: vectors of categories that another pipeline's networks have learnt."""

from __future__ import annotations

from pydantic import Field

from outfold.config.feature_columns import Names
from outfold.config.model import StrictModel


class PipelineEmbeddings(StrictModel):
    """The vectors of categories in another pipeline's networks, as numbers: for each fold those of its own network."""

    pipeline: str = Field(min_length=1)
    """A pipeline with learner: tabular. It is trained first."""
    columns: Names
    """Columns that it has learnt vectors of. Each makes as many as its vectors have numbers: `Store.embeddings_0` of a pipeline `embeddings`. A part of a date is named as the pipeline has it: `Date.month`."""
