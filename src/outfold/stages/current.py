"""Results that may be used: test predictions that belong to their models, and models to what is here now."""

from __future__ import annotations

from collections.abc import Sequence

from outfold.config.pipeline import ModelPipeline
from outfold.errors import MismatchError, some
from outfold.stages.context import Context, command
from outfold.store.manifest import Manifest, read_manifest


def current(context: Context, name: str) -> Manifest:
    """The manifest of a pipeline whose test predictions are those of its models, on the folds as they are now.

    Raises:
        MismatchError: it is not trained, was trained on other folds, or has retrained since it predicted; named.
    """
    manifest = read_manifest(context.layout.manifest(name))
    if manifest is None:
        raise MismatchError(f"{name} is not trained", remedy=f"Run `{command(context.root, 'train', name)}` first.")
    if manifest.folds_hash != context.folds.hash:
        raise MismatchError(
            f"{name} was trained on other folds ({manifest.folds_hash[:12]}) than artifacts/folds.parquet has now "
            f"({context.folds.hash[:12]})",
            remedy=f"Run `{command(context.root, 'train', name)}`.",
        )
    if not manifest.test_sha256 or manifest.test_inference != manifest.inference:
        raise MismatchError(
            f"{name}: its test predictions are missing or older than its models",
            remedy=f"Run `{command(context.root, 'predict', name)}` first.",
        )
    return manifest


def trained(context: Context, name: str, config: ModelPipeline, asked: str, stages: Sequence[str]) -> Manifest:
    """The manifest of a pipeline whose models, of all folds, are what would be trained now.

    Args:
        config: the pipeline's.
        asked: what of it is asked for, for messages: ``whose networks are asked for as a backbone``.
        stages: those that would make it.

    Raises:
        MismatchError: it is not trained on all folds, or was trained on something else than what is here now.
    """
    manifest = read_manifest(context.layout.manifest(name))
    if manifest is None:
        raise refused(context, name, asked, "is not trained", stages)
    if manifest.fingerprint != context.fit_fingerprint(config):
        raise refused(context, name, asked, "was trained on another contest, pipeline, data or folds", stages)
    if not manifest.complete:
        missing = [str(fold) for fold, done in enumerate(manifest.trained) if not done]
        raise refused(context, name, asked, f"is not trained on fold {some(missing)}", stages)
    return manifest


def refused(context: Context, name: str, asked: str, state: str, stages: Sequence[str]) -> MismatchError:
    """The error of a pipeline whose results cannot be used, and the stages that mend it."""
    commands = " and ".join(f"`{command(context.root, stage, name)}`" for stage in stages)
    return MismatchError(f"{name}, {asked}, {state}", remedy=f"Run {commands} first.")
