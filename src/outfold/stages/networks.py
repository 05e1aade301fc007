"""The trained networks that a pipeline's features come from: all folds of them, and only those that may be used."""

from __future__ import annotations

from outfold.config.image_features import PipelineBackbone
from outfold.errors import MismatchError, some
from outfold.stages.context import Context, command
from outfold.store.manifest import read_manifest


def network_hashes(context: Context, backbone: PipelineBackbone) -> dict[str, str]:
    """The SHA-256 of each fold's weights: what a pipeline that sees through them is made of.

    Raises:
        MismatchError: the pipeline is not trained on all folds, or was trained on something else than what is here now.
        ConfigError: it has no network, or no such member.
    """
    from outfold.learners.network_features import network_config, network_hash

    name, layout = backbone.pipeline, context.layout
    asked = f"image_features.backbone: {{pipeline: {name}}}"
    config = network_config(layout, backbone, asked)
    manifest = read_manifest(layout.manifest(name))
    if manifest is None:
        raise _refused(context, name, "is not trained")
    if manifest.fingerprint != context.fit_fingerprint(config):
        raise _refused(context, name, "was trained on another contest, pipeline, data or folds")
    if not manifest.complete:
        missing = [str(fold) for fold, done in enumerate(manifest.trained) if not done]
        raise _refused(context, name, f"is not trained on fold {some(missing)}")
    return {str(fold): network_hash(layout, backbone, fold, asked) for fold in context.folds.numbers()}


def _refused(context: Context, name: str, state: str) -> MismatchError:
    return MismatchError(
        f"{name}, whose networks are asked for as a backbone, {state}",
        remedy=f"Run `{command(context.root, 'train', name)}` first.",
    )
