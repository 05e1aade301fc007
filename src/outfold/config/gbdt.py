"""A pipeline of gradient-boosted trees."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from outfold.config.pipeline_base import Pseudo
from outfold.config.table_pipeline import TablePipelineBase

CONTEST = "contest"
_HOOKS = ("hooks.py:", "hooks:")


def hook_named(value: str | None) -> str | None:
    """The function that ``hooks.py:function`` names; None for anything else."""
    return next((value.removeprefix(start) for start in _HOOKS if value.startswith(start)), None) if value else None


class GbdtPipeline(TablePipelineBase):
    """LightGBM, XGBoost or CatBoost on the contest's table, and on image features where it has images."""

    RUNTIME: ClassVar[frozenset[str]] = frozenset({"jobs", "device", "shap"})

    learner: Literal["gbdt"]
    """gbdt: gradient-boosted decision trees."""
    library: Literal["lightgbm", "xgboost", "catboost"] = "lightgbm"
    """Whose trees: lightgbm; xgboost or catboost, which come with outfold[boosters]. The other keys mean the same in each."""
    params: dict[str, Any] = {}
    """Any parameter of the library, by any of its own names; and learning_rate, max_depth, num_leaves, lambda_l2, feature_fraction, bagging_fraction and max_bin in each."""
    rounds: int = Field(default=2000, ge=1)
    """The most rounds of boosting."""
    early_stopping: int = Field(default=100, ge=0)
    """Stop when the inner split has not got better for so many rounds; 0 takes all rounds. Boosting by dart cannot stop: it takes all of them, and the key is refused."""
    stop_by: str | None = None
    """The metric that chooses the rounds: contest (the contest's own), hooks.py:function (written as a metric), or one of the library's, by its name. Left out: the library's loss; with an objective of your own, contest."""
    inner_fraction: float = Field(default=0.2, gt=0, lt=1)
    """Share of each fold's training part that chooses the number of rounds. Never the rows that score."""
    refit: bool = True
    """Train again on the fold's whole training part, with the number of rounds found."""
    objective: Annotated[str, Field(pattern=r"^hooks(\.py)?:\w+$")] | None = None
    """hooks.py:function, a loss of your own by its gradient and hessian. Left out: that of the task, or params.objective."""
    class_weight: Literal["balanced"] | None = None
    """balanced: each class weighs the same, however rare; in a multilabel task, the two sides of each label."""
    monotone: dict[str, Literal["increasing", "decreasing"]] = {}
    """By feature, the one way in which a prediction may follow it: {Age: increasing}."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of bagging and of the inner split."""
    seeds: int = Field(default=1, ge=1, le=100)
    """Boosters by so many seeds from `seed` on, each a member of the blend: seed-0, seed-1 ... The first chooses the rounds of all; with refit: false, each its own."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    """auto, cpu, cuda, cuda:1. auto: a GPU for XGBoost and CatBoost where there is one, from 100,000 training rows on. On a GPU, two trainings differ in their last bits."""
    shap: bool | None = None
    """Write shap.png and shap.csv: how far each feature moves the predictions of some test rows. Left out: for tables without images, since test images would have to be looked at before they are predicted."""
    pseudo: Pseudo | None = None
    """Learn from test rows, too, as other pipelines predict them."""

    def idle(self) -> dict[str, str]:
        """What chooses the rounds where all are taken."""
        if self.early_stopping:
            return {}
        return dict.fromkeys(
            ("inner_fraction", "refit"), "has no effect with early_stopping: 0, which takes all rounds"
        )

    @model_validator(mode="after")
    def _something_stops(self) -> GbdtPipeline:
        if self.stop_by is not None and self.early_stopping == 0:
            raise ValueError("stop_by: chooses the rounds, and early_stopping: 0 takes all of them; keep one")
        return self

    def calls_hooks(self) -> bool:
        """Whether a feature, the objective or the metric that chooses the rounds is the user's."""
        own = hook_named(self.objective) is not None or hook_named(self.stop_by) is not None
        return own or super().calls_hooks()

    def watches_the_metric(self) -> bool:
        """Whether the contest's metric chooses the rounds."""
        return self.stop_by == CONTEST or (self.stop_by is None and self.objective is not None)
