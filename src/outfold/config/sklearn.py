"""``learner: sklearn``: any estimator with scikit-learn's interface on the contest's table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from outfold.config.base import StrictModel
from outfold.config.pipeline_base import Pseudo
from outfold.config.table_pipeline import TablePipelineBase


class Estimator(StrictModel):
    """An estimator by its dotted path, and its parameters."""

    estimator: str
    """The dotted path of its class: `sklearn.svm.SVC`."""
    params: dict[str, Any] = {}
    """Its parameters, by its own names. A mapping with a key `estimator` is an estimator again."""


def _form(value: Any) -> str:
    return "settings" if isinstance(value, dict | Estimator) else "path"


Step = Annotated[Annotated[str, Tag("path")] | Annotated[Estimator, Tag("settings")], Discriminator(_form)]


def _length(value: Any) -> str:
    return "steps" if isinstance(value, list) else "path"


class SklearnPipeline(TablePipelineBase):
    """An estimator by its dotted path, from scikit-learn or with its interface."""

    learner: Literal["sklearn"]
    """sklearn: any estimator with fit and predict."""
    estimator: Annotated[
        Annotated[str, Tag("path")] | Annotated[list[Step], Field(min_length=1), Tag("steps")], Discriminator(_length)
    ]
    """The dotted path of a class: `sklearn.ensemble.ExtraTreesClassifier`. A list is a pipeline: transformers, and an estimator last, each a path or `{estimator: ..., params: ...}`."""
    params: dict[str, Any] = {}
    """The estimator's parameters, by its own names. A mapping with a key `estimator`, in lists too, is an estimator again."""
    encoding: Literal["one_hot", "target", "codes"] = "one_hot"
    """How categories become columns. one_hot: a column each. target: the mean of the target in the category, of rows in other folds inside the training part. codes: a number each, for trees."""
    min_count: int = Field(default=5, ge=1)
    """one_hot: categories with fewer training rows share a column."""
    smoothing: float = Field(default=10.0, ge=0)
    """target: a category's mean is that of its rows and so many more rows of the overall mean."""
    scale: bool = True
    """Bring columns of numbers to mean 0 and standard deviation 1. Gaps are filled with the median and marked either way."""
    scale_target: bool = True
    """Regression: learn targets of mean 0 and standard deviation 1, and predict them as they are. false for losses of amounts (Poisson, Gamma)."""
    class_weight: Literal["balanced"] | None = None
    """balanced: each class weighs the same, however rare; for estimators that take weights in fit."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Every random_state that is not said, and the seed of the cross-fitting of encoding: target."""
    pseudo: Pseudo | None = None
    """Learn from test rows, too, as other pipelines predict them; for estimators that take weights in fit."""

    @property
    def steps(self) -> Sequence[Estimator]:
        """The transformers, and the estimator last."""
        if isinstance(self.estimator, str):
            return [Estimator(estimator=self.estimator, params=self.params)]
        return [step if isinstance(step, Estimator) else Estimator(estimator=step) for step in self.estimator]

    def idle(self) -> dict[str, str]:
        """Keys of the encoding that is not taken, and of one estimator where there are several."""
        of = {"min_count": "one_hot", "smoothing": "target"}
        idle = {key: f"belongs to encoding: {own}" for key, own in of.items() if self.encoding != own}
        if not isinstance(self.estimator, str):
            idle["params"] = "belong to one estimator; of several, each has its own"
        return idle
