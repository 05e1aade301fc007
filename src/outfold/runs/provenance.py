"""Checks that saved models and predictions match the current inputs.

Every stage that reads results of another stage calls these checks; errors name the commands that update the results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from outfold.config.image_features import PipelineBackbone
from outfold.config.learnt_features import PipelineEmbeddings
from outfold.config.pipeline import ModelPipeline
from outfold.config.pipeline_base import Pseudo
from outfold.config.table_pipeline import TablePipelineBase
from outfold.errors import ConfigError, some
from outfold.learners.registry import revision
from outfold.runs.context import Context
from outfold.runs.fingerprints import (
    inference_fingerprint,
    metric_hooks_hash,
    metric_names,
    scoring_fingerprint,
    weights_hash,
)
from outfold.runs.imported import current_import, imported
from outfold.runs.out_of_date import OutOfDateError, together
from outfold.store.fingerprint import fingerprint
from outfold.store.manifest import Manifest, read_manifest, refuse_mixed
from outfold.store.paths import BLEND

PSEUDO_ASKED = "whose test predictions are asked for as pseudo-labels"
BLEND_REVISION = 1
"""Increment when the same members would be blended into other predictions."""


# Keys of the contest that no model depends on. Of the folds, the split's own hash counts, and the columns that it
# takes from the features.
_NOT_FOR_MODELS: dict[str, Any] = {
    **dict.fromkeys(("host", "slug", "solution", "sample_submission", "submission", "metric", "folds"), True),
    "targets": {"__all__": {"metric", "weight"}},
}
_TAKEN_BY_FOLDS = {"group", "date", "column"}


def fit_fingerprint(context: Context, config: ModelPipeline) -> str:
    """Fingerprint of a pipeline's models: the data, folds, settings and other pipelines that they depend on.

    Of the toolkit, only the learner's revision counts. Keys left at their default do not count, so that a key added
    by a later version retrains nothing.
    """
    contest = context.competition
    excluded = _NOT_FOR_MODELS | ({} if isinstance(config, TablePipelineBase) else {"features": True})
    return fingerprint(
        contest=contest.model_dump(mode="json", exclude=excluded, exclude_defaults=True),
        reserved=contest.folds.model_dump(mode="json", include=_TAKEN_BY_FOLDS, exclude_defaults=True),
        pipeline=config.fit_key(),
        weights=weights_hash(context, config),
        data=context.data_hash,
        folds=context.folds.hash,
        hooks=context.hooks_hash if _depends_on_hooks(context, config) else None,
        revision=revision(config),
        **_upstream_hashes(context, config),
        **_metric_facts(context, config),
    )


def _upstream_hashes(context: Context, config: ModelPipeline) -> dict[str, dict[str, str]]:
    """Hashes of the models and predictions of other pipelines; no keys for a pipeline that uses none."""
    hashes = {}
    pseudo, network = config.taught(), config.sees_through()
    if pseudo is not None:
        hashes["teachers"] = {name: manifest.test_sha256 for name, manifest in pseudo_sources(context, pseudo).items()}
    if isinstance(config, TablePipelineBase) and config.vectors:
        hashes["vectors"] = vector_hashes(context, config.vectors)
    if network is not None:
        hashes["networks"] = network_hashes(context, network)
    return hashes


def _depends_on_hooks(context: Context, config: ModelPipeline) -> bool:
    """Whether another hooks.py gives other models."""
    of_contest = any(entry.function is not None for entry in context.competition.features)
    called = config.calls_hooks() or (of_contest and isinstance(config, TablePipelineBase))
    return called or context.hooks_make_columns()


def _metric_facts(context: Context, config: ModelPipeline) -> dict[str, Any]:
    """The contest's metric, for models that depend on it; no keys for others."""
    if not config.watches_the_metric():
        return {}
    return {"metrics": metric_names(context), "metric_hooks": metric_hooks_hash(context)}


def pseudo_sources(context: Context, config: Pseudo) -> dict[str, Manifest]:
    """Manifests of the pipelines that give pseudo-labels, by name, all checked to be current.

    Raises:
        ConfigError: a pipeline is imported.
        OutOfDateError: a pipeline is not trained on all folds, or its models or test predictions are out of date.
    """
    outside = [name for name in config.pipelines if imported(context, name) is not None]
    if outside:
        raise ConfigError(
            f"pseudo: pipelines: {some(outside)}: imported predictions cannot be pseudo-labels: nothing shows "
            "which fold's models have made them",
            remedy="Name pipelines that are trained here.",
        )
    return {name: current(context, name, PSEUDO_ASKED, scored=False) for name in sorted(config.pipelines)}


def current(context: Context, name: str, asked: str = "", *, scored: bool = True) -> Manifest:
    """The manifest of a pipeline whose models, scores and test predictions are what the stages would make now.

    Args:
        asked: what of it is asked for, for messages.
        scored: its scores count, too.

    Raises:
        OutOfDateError: it is not trained on all folds, was trained on something else than what is here now, was scored
            by another metric, or has not predicted the test set since.
    """
    outside = imported(context, name)
    if outside is not None:
        manifest = current_import(context, name, outside)
        if scored and manifest.scoring != scoring_fingerprint(context, manifest.inference):
            raise refused(context, name, asked, "was scored by another metric than the contest has now", ["train"])
        return manifest
    config, both = context.model_config(name), ["train", "predict"]
    try:
        manifest = trained(context, name, config, asked, both)
    except OutOfDateError as error:  # of the split, or of a pipeline that it learns from
        raise together(context.root, [error], {stage: [name] for stage in both}) from None
    inference = inference_fingerprint(config, manifest.fingerprint)
    if manifest.inference != inference:
        raise refused(context, name, asked, "has predicted with other settings than its file has now", both)
    if scored and manifest.scoring != scoring_fingerprint(context, inference):
        raise refused(context, name, asked, "was scored by another metric than the contest has now", ["train"])
    if not manifest.test_sha256 or manifest.test_inference != inference or not context.layout.test(name).exists():
        state = "has not predicted the test set since it was trained"
        state = state if asked else "its test predictions are missing or older than its models"
        raise refused(context, name, asked, state, ["predict"])
    return manifest


def trained(context: Context, name: str, config: ModelPipeline, asked: str, stages: Sequence[str]) -> Manifest:
    """The manifest of a pipeline whose models, of all folds, are what would be trained now.

    Args:
        config: the pipeline's.
        asked: what of it is asked for, for messages: ``whose networks are asked for as a backbone``.
        stages: those that would make it.

    Raises:
        OutOfDateError: it is not trained on all folds, or was trained on something else than what is here now.
    """
    manifest = read_manifest(context.layout.manifest(name))
    if manifest is None:
        raise refused(context, name, asked, "is not trained", stages)
    if manifest.fingerprint != fit_fingerprint(context, config):
        raise refused(context, name, asked, changed(context, config, manifest), stages)
    if not manifest.complete:
        missing = [str(fold) for fold, done in enumerate(manifest.trained) if not done]
        raise refused(context, name, asked, f"is not trained on fold {some(missing)}", stages)
    return manifest


def changed(context: Context, config: ModelPipeline, manifest: Manifest) -> str:
    """Description of the inputs that changed since a pipeline was trained."""
    known = {
        "folds": manifest.folds_hash != context.folds.hash,
        "data": manifest.data_hash != context.data_hash,
        f"learner: {config.learner} itself": (manifest.learner, manifest.revision)
        != (config.learner, revision(config)),
    }
    found = [name for name, differs in known.items() if differs]
    rest = "its file, competition.yaml, hooks.py, or what it learns from"
    return f"was trained on another contest, pipeline, data or folds (changed: {some(found or [rest])})"


def refused(context: Context, name: str, asked: str, state: str, stages: Sequence[str]) -> OutOfDateError:
    """Error for outdated results of a pipeline, with the stages that update them."""
    label = f"{name}, {asked}," if asked else f"{name}:" if state.startswith("its ") else name
    return OutOfDateError(context.root, f"{label} {state}", {stage: [name] for stage in stages})


def blend_members(context: Context) -> dict[str, Manifest]:
    """Manifests of the blended pipelines, all checked to be current.

    Raises:
        OutOfDateError: some are not; each is named.
        MismatchError: their folds or data differ.
    """
    manifests: dict[str, Manifest] = {}
    errors: list[OutOfDateError] = []
    for name in context.layout.chosen(context.blend_config().pipelines):
        try:
            manifests[name] = current(context, name)
        except OutOfDateError as error:
            errors.append(error)
    if errors:
        raise together(context.root, errors)
    refuse_mixed(manifests)
    return manifests


def blend_fingerprint(context: Context, members: Mapping[str, Manifest]) -> str:
    """Fingerprint of a blend of these members."""
    return fingerprint(
        blend=context.blend_config().model_dump(mode="json"),
        members={name: [m.oof_sha256, m.test_sha256] for name, m in members.items()},
        scoring=scoring_fingerprint(context, ""),
        folds=context.folds.hash,
        revision=BLEND_REVISION,
    )


def current_blend(context: Context) -> Manifest:
    """The manifest of the blend, where it is what ``ensemble`` would make now.

    Raises:
        OutOfDateError: it is missing; a member was trained again, added or removed since; or ``blend.yaml``, the metric
            or the folds are others now.
    """
    manifest = read_manifest(context.layout.manifest(BLEND))
    try:
        members = blend_members(context)
    except OutOfDateError as error:
        raise together(context.root, [error], {"ensemble": []}) from None
    if manifest is None:
        raise _blend_refused(context, "is not made yet")
    if manifest.fingerprint != blend_fingerprint(context, members):
        before = list(manifest.extra.get("pipelines", []))
        if before != list(members):
            raise _blend_refused(context, f"is made of {some(before)}; its pipelines are now {some(members)}")
        state = "is out of date (changed: predictions of its pipelines, blend.yaml, the metric or the folds)"
        raise _blend_refused(context, state)
    if not context.layout.test(BLEND).exists() or not context.layout.oof(BLEND).exists():
        raise _blend_refused(context, "has lost its predictions")
    return manifest


def _blend_refused(context: Context, state: str) -> OutOfDateError:
    return OutOfDateError(context.root, f"the blend {state}", {"ensemble": []})


def network_hashes(context: Context, backbone: PipelineBackbone) -> dict[str, str]:
    """The SHA-256 of each fold's weights: what a pipeline that sees through them is made of.

    Raises:
        MismatchError: the pipeline is not trained on all folds, or was trained on something else than what is here now.
        ConfigError: it has no network, or no such member.
    """
    from outfold.learners.image_embeddings import network_config, network_hash

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
    from outfold.learners.category_vectors import vector_config, vector_hash

    hashes = {}
    for one in asked:
        config = vector_config(context.layout, one, f"features: {{pipeline: {one.pipeline}}}")
        trained(context, one.pipeline, config, "whose embeddings are asked for as features", ["train"])
        for fold in context.folds.numbers():
            hashes[f"{one.pipeline}/{fold}"] = vector_hash(context.layout, one.pipeline, fold)
    return hashes
