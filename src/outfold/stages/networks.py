"""The trained networks that a pipeline's features come from: all folds of them, and only those that may be used."""

from __future__ import annotations

from collections.abc import Sequence

from outfold.config.embedding_feature import PipelineEmbeddings
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


def vector_hashes(context: Context, asked: Sequence[PipelineEmbeddings]) -> dict[str, str]:
    """The SHA-256 of each fold's vectors, by pipeline and fold: what a pipeline that has them as features is made of.

    Raises:
        MismatchError: a pipeline is not trained on all folds, or was trained on something else than what is here now.
        ConfigError: it has no embeddings.
    """
    from outfold.learners.vector_features import vector_config, vector_hash

    hashes = {}
    for one in asked:
        config = vector_config(context.layout, one, f"features: {{pipeline: {one.pipeline}}}")
        trained(context, one.pipeline, config, "whose embeddings are asked for as features", ["train"])
        for fold in context.folds.numbers():
            hashes[f"{one.pipeline}/{fold}"] = vector_hash(context.layout, one.pipeline, fold)
    return hashes
