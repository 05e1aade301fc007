"""A pipeline of gradient-boosted trees."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from outfold.config.pseudo import Pseudo
from outfold.config.table_pipeline import TablePipelineBase


class GbdtPipeline(TablePipelineBase):
    """LightGBM on the contest's table, and on image features where it has images."""

    learner: Literal["gbdt"]
    """gbdt: gradient-boosted decision trees (LightGBM)."""
    params: dict[str, Any] = {}
    """Any LightGBM parameter, by any of LightGBM's names for it."""
    rounds: int = Field(default=2000, ge=1)
    """The most rounds of boosting."""
    early_stopping: int = Field(default=100, ge=0)
    """Stop when the inner split has not got better for so many rounds; 0 takes all rounds, and so does boosting: dart, which cannot stop."""
    inner_fraction: float = Field(default=0.2, gt=0, lt=1)
    """Share of each fold's training part that chooses the number of rounds. Never the rows that score."""
    refit: bool = True
    """Train again on the fold's whole training part, with the number of rounds found."""
    class_weight: Literal["balanced"] | None = None
    """balanced: each class weighs the same, however rare; in a multilabel task, the two sides of each label."""
    seed: int = 0
    """Seed of bagging and of the inner split."""
    pseudo: Pseudo | None = None
    """Learn from test rows, too, as other pipelines predict them."""
