"""What the files of all models have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from outfold.config.image_features import PipelineBackbone
from outfold.config.pseudo import Pseudo
from outfold.config.target_transform import TargetTransform
from outfold.config.tunable import TUNING, TunablePipeline


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
