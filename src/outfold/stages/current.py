"""Predictions that may be used: a pipeline's test predictions belong to its models, and its models to these folds."""

from __future__ import annotations

from outfold.errors import MismatchError
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
