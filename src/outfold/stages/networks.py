"""The trained networks that a pipeline's features come from: all folds of them, and only those that may be used."""

from __future__ import annotations

from outfold.config.image_features import PipelineBackbone
from outfold.stages.context import Context
from outfold.stages.current import trained


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
    trained(context, name, config, "whose networks are asked for as a backbone", ["train"])
    return {str(fold): network_hash(layout, backbone, fold, asked) for fold in context.folds.numbers()}
