"""``learner: linear``: a penalised linear model on the contest's table."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from outfold.config.pipeline_base import Pseudo
from outfold.config.table_pipeline import TablePipelineBase
from outfold.config.value_types import listed_item

Strengths = Annotated[list[Annotated[float, Field(gt=0)]], BeforeValidator(listed_item), Field(min_length=1)]


class LinearPipeline(TablePipelineBase):
    """Logistic regression for classes; ridge, lasso or elastic net for numbers (scikit-learn), on standardised columns."""

    learner: Literal["linear"]
    """linear: logistic regression, ridge, lasso, elastic net."""
    C: Strengths = [0.0001, 0.001, 0.01, 0.1, 1.0, 10.0]
    """Classes: the inverse strength of the penalty, scikit-learn's C. Of several, rows inside the training part choose one."""
    alpha: Strengths = [0.0001, 0.001, 0.01, 0.1, 1.0, 10.0]
    """Numbers: the strength of the penalty beside the mean squared error, alpha of scikit-learn's ElasticNet. Of several, rows inside the training part choose one."""
    l1_ratio: float = Field(default=0.0, ge=0, le=1)
    """The share of the penalty that is L1: 0 is ridge, 1 is lasso, between them elastic net."""
    encoding: Literal["one_hot", "target"] = "one_hot"
    """How categories become columns. one_hot: a column each. target: the mean of the target in the category, of rows in other folds inside the training part."""
    min_count: int = Field(default=5, ge=1)
    """one_hot: categories with fewer training rows share a column."""
    smoothing: float = Field(default=10.0, ge=0)
    """target: a category's mean is that of its rows and so many more rows of the overall mean."""
    inner_folds: int | None = Field(default=None, ge=1, le=20)
    """C or alpha is chosen by a cross-validation inside each fold's training part, of so many folds; 1: by one split. Never by the rows that score. Left out: 5 below 5,000 training rows, else 1."""
    inner_fraction: float = Field(default=0.2, gt=0, lt=1)
    """inner_folds: 1: share of the training part that chooses."""
    class_weight: Literal["balanced"] | None = None
    """balanced: each class weighs the same, however rare; in a multilabel task, the two sides of each label."""
    max_iter: int = Field(default=1000, ge=1)
    """The most iterations of a fit; a fit that needs more is reported."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of the splits inside the training part, and of the solver for L1."""
    pseudo: Pseudo | None = None
    """Learn from test rows, too, as other pipelines predict them."""

    def idle(self) -> dict[str, str]:
        """Keys of the encoding that is not taken, and of the inner split that is not made."""
        of = {"min_count": "one_hot", "smoothing": "target"}
        idle = {key: f"belongs to encoding: {own}" for key, own in of.items() if self.encoding != own}
        if self.inner_folds not in (None, 1):
            idle["inner_fraction"] = f"has no effect with inner_folds: {self.inner_folds}; it belongs to inner_folds: 1"
        return idle
