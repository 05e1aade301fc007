"""Scores in a manifest, written again where only the metric changed: that trains nothing."""

from __future__ import annotations

from typing import Any

from outfold.stages.context import Context
from outfold.stages.scores import Scores, score_oof
from outfold.store.manifest import Manifest, write_manifest
from outfold.store.prediction_files import read_oof


def score_fields(context: Context, inference: str, scores: Scores) -> dict[str, Any]:
    """The fields of a manifest that scores fill."""
    return {
        "scoring": context.scoring_fingerprint(inference),
        "score": scores.score,
        "fold_scores": scores.folds,
        "member_scores": scores.members,
        "extra": scores.extra,
    }


def rescored(context: Context, name: str, manifest: Manifest) -> Manifest:
    """The manifest with new scores where the metric changed."""
    if manifest.scoring == context.scoring_fingerprint(manifest.inference):
        return manifest
    frame = read_oof(context.layout, manifest, context.folds)
    scores = score_oof(context.contest, frame, context.folds.numbers())
    update = {"metric": context.contest.metric.name, **score_fields(context, manifest.inference, scores)}
    manifest = manifest.model_copy(update=update)
    return write_manifest(context.layout.manifest(name), manifest)
