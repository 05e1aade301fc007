"""What the files of all models have in common."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from outfold.config.base import StrictModel
from outfold.config.image_features import PipelineBackbone
from outfold.config.tunable import TUNING, TunablePipeline
from outfold.config.value_types import listed

CONFIDENCE = 0.95
"""Of classes, where neither ``confidence`` nor ``share`` is said."""


class Pseudo(StrictModel):
    """Test rows beside the training rows: those on which the teachers are sure, labelled by what they predict."""

    pipelines: Annotated[list[str], BeforeValidator(listed)] = Field(min_length=1)
    """The teachers: other pipelines of the contest. The model of fold k learns from what their models of fold k predict, each pipeline counting the same."""
    confidence: float | None = Field(default=None, gt=0, le=1)
    """Classes: take the test rows with at least this probability of the likeliest class (of tags: each of them, on or off). Left out, and without share: 0.95."""
    share: float | None = Field(default=None, gt=0, le=1)
    """In place of confidence: take this share of the test rows, the surest first. For numbers, those on which the teachers' members differ least."""
    labels: Literal["soft", "hard"] = "soft"
    """soft: the teachers' probabilities are the target. hard: the likeliest class is."""
    weight: float = Field(default=1.0, gt=0)
    """Weight of a test row in the loss; a training row has weight 1."""

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Pseudo:
        if self.confidence is not None and self.share is not None:
            raise ValueError("give confidence: or share:, not both")
        if len(set(self.pipelines)) < len(self.pipelines):
            raise ValueError("pipelines: each once")
        return self


TransformName = Literal["log", "log1p", "sqrt", "cbrt", "asinh", "logit"]


def _form(value: Any) -> str:
    return "by target" if isinstance(value, dict) else "one"


TargetTransform = Annotated[
    Annotated[TransformName, Tag("one")] | Annotated[dict[str, TransformName], Field(min_length=1), Tag("by target")],
    Discriminator(_form),
]
"""One for every target that is a number, or one each by the target's column."""


class ModelPipelineBase(TunablePipeline):
    """What every model's configuration knows: which keys make another model, and which only other predictions."""

    INFERENCE: ClassVar[frozenset[str]] = frozenset()
    """Keys that change predictions and not the trained models."""
    RUNTIME: ClassVar[frozenset[str]] = frozenset({"jobs"})
    """Keys that change neither."""

    target_transform: TargetTransform | None = None
    """Regression: learn the target on another scale, and predict on its own: log, log1p, sqrt, cbrt, asinh or logit; of several targets one for all, or one each by its column. Scores and target_range stay in the target's own units."""
    jobs: int | None = Field(default=None, ge=1)
    """Folds trained side by side, each in a process of its own; 1. `outfold train --jobs` goes before it."""

    def fit_key(self) -> dict[str, Any]:
        """The part that the trained models depend on, as JSON values, without what is left at its default."""
        aside = self.INFERENCE | self.RUNTIME | TUNING - {"by_fold"}
        return self.model_dump(mode="json", exclude=set(aside), exclude_defaults=True)

    def inference_key(self) -> dict[str, Any]:
        """The part that only the predictions depend on, as JSON values."""
        return self.model_dump(mode="json", include=set(self.INFERENCE))

    def calls_hooks(self) -> bool:
        """Whether functions in the contest's hooks.py make other models."""
        return False

    def watches_the_metric(self) -> bool:
        """Whether the contest's metric makes other models: it chooses something of them."""
        return False

    def taught(self) -> Pseudo | None:
        """Its pseudo-labels; None for a learner that takes none, too."""
        return getattr(self, "pseudo", None)

    def sees_through(self) -> PipelineBackbone | None:
        """Another pipeline's network, whose activations are its features; None for a learner that takes none, too."""
        features = getattr(self, "image_features", None)
        backbone = None if features is None else features.backbone
        return backbone if isinstance(backbone, PipelineBackbone) else None

    def upstream(self) -> list[str]:
        """The other pipelines that this one learns from, by name: they are made first."""
        taught, network = self.taught(), self.sees_through()
        return [*([] if taught is None else taught.pipelines), *([] if network is None else [network.pipeline])]
