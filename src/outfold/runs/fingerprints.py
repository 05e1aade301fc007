"""Fingerprints of predictions and scores: hashes of the settings and files that they depend on."""

from __future__ import annotations

from pathlib import Path

from outfold.config.image_features import Backbone
from outfold.config.pipeline import ImagePipeline, ModelPipeline
from outfold.config.table_pipeline import TablePipelineBase
from outfold.runs.context import Context
from outfold.store.fingerprint import file_sha256, fingerprint


def weights_file(config: ModelPipeline) -> Path | None:
    """The file of weights that a pipeline names, relative to the contest folder; None where it names none."""
    source = config.image_features.backbone if isinstance(config, TablePipelineBase) else config
    if not isinstance(source, ImagePipeline | Backbone) or source.weights in ("none", "pretrained"):
        return None
    return Path(source.weights)


def weights_hash(context: Context, config: ModelPipeline) -> str | None:
    """SHA-256 of a pipeline's file of weights: another file under the same name gives other models."""
    source = weights_file(config)
    path = None if source is None else context.root / source
    return file_sha256(path) if path is not None and path.is_file() else None


def inference_fingerprint(config: ModelPipeline, fit: str) -> str:
    """Fingerprint of a pipeline's predictions.

    Args:
        fit: the fingerprint of its models.
    """
    return fingerprint(fit=fit, inference=config.inference_key())


def scoring_fingerprint(context: Context, inference: str) -> str:
    """Fingerprint of a pipeline's scores.

    Args:
        inference: the fingerprint of its predictions.
    """
    contest = context.competition
    targets = {name: target.model_dump(mode="json") for name, target in contest.targets.items()}
    several = {"targets": targets} if targets else {}
    return fingerprint(inference=inference, metric=contest.metric, hooks=metric_hooks_hash(context), **several)


def metric_names(context: Context) -> list[str | None]:
    """The contest's metric, and each target's own."""
    contest = context.competition
    return [contest.metric, *(target.metric for target in contest.targets.values())]


def metric_hooks_hash(context: Context) -> str | None:
    """The hash of hooks.py if it defines a metric of the contest."""
    own = any(name is not None and name.startswith("hooks") for name in metric_names(context))
    return context.hooks_hash if own else None
