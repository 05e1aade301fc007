"""ensemble: the blend of all members, its honest score, and its test predictions."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from outfold.contest import Contest
from outfold.ensemble.blend import BlendResult, blend
from outfold.ensemble.compare import Comparison, explain_disagreement, paired_bootstrap
from outfold.ensemble.decision import nested_thresholds
from outfold.ensemble.thresholds import needs_thresholds
from outfold.plots import bars
from outfold.runs.context import Context, command
from outfold.runs.provenance import BLEND_REVISION, blend_fingerprint, blend_members
from outfold.runs.scoring import TargetScore, target_scores
from outfold.runs.stage_stamps import Stamp
from outfold.store.damage import DamagedError
from outfold.store.lock import only_writer
from outfold.store.manifest import Manifest, replaceable_manifest, write_manifest
from outfold.store.paths import BLEND
from outfold.store.prediction_files import check_hashes, read_oof, read_test
from outfold.store.predictions import fold_by_id, output_column, prediction_frame, stack, write_predictions


def ensemble(context: Context) -> Manifest:
    """Blend the pipelines; does nothing where the blend on disk is made of the same predictions.

    Raises:
        MismatchError: a pipeline is missing, partial, stale, or on other folds than the others; named.
    """
    layout, reporter = context.layout, context.reporter
    stamp = Stamp(context, "ensemble")
    manifests = blend_members(context)
    for manifest in manifests.values():
        check_hashes(layout, manifest)
    made_of = blend_fingerprint(context, manifests)
    with only_writer(layout.pipeline(BLEND)):
        before = replaceable_manifest(layout.manifest(BLEND), reporter)
        if before is not None and before.fingerprint == made_of and _intact(context, before):
            stamp.write()
            reporter.note(f"ensemble: up to date (honest {before.metric} {before.score:.5f})")
            return before
        manifest = _blend(context, list(manifests), manifests, made_of)
        stamp.write()
        return manifest


def _intact(context: Context, manifest: Manifest) -> bool:
    """Both files are the ones that the manifest describes.

    Raises:
        DamagedError: a folder is in the place of one.
    """
    try:
        check_hashes(context.layout, manifest)
    except DamagedError:
        if context.layout.oof(BLEND).is_dir() or context.layout.test(BLEND).is_dir():
            raise
        return False
    return True


def _blend(context: Context, names: list[str], manifests: dict[str, Manifest], made_of: str) -> Manifest:
    layout, contest, config = context.layout, context.contest, context.blend_config()
    oof = {name: read_oof(layout, manifests[name], context.folds) for name in names}
    _warn_of_float32(context, oof)
    ids, members, values = stack(oof, what="oof")
    fold = fold_by_id(oof[names[0]]).reindex(ids)
    y, groups = contest.truth(ids), contest.groups(ids)
    precise = contest.precise_outputs
    names_of_groups = None if groups is None else groups.to_numpy()
    with context.reporter.bar(f"blend {len(members)} members", None):
        result = blend(
            values,
            y,
            fold.to_numpy(np.int64),
            names=members,
            task=contest.task,
            metric=contest.metric,
            combiner=config.combiner,
            seed=config.seed,
            groups=names_of_groups,
            precise=bool(precise),
            pipelines=[member.partition("/")[0] for member in members],
        )
        scored = (fold >= 0).to_numpy()
        targets = target_scores(contest, y[scored], result.decided[scored])
        versus = None
        if len(members) > 1:
            versus = _compare(
                contest, y, fold.to_numpy(np.int64), result.best, result.oof, names_of_groups, config.seed
            )
    test_ids, test_members, test_values = stack(
        {name: read_test(layout, manifests[name], contest.test.index) for name in names}, what="test"
    )
    assert test_members == members
    outputs = contest.outputs
    frames = [
        prediction_frame(ids[fold == k], int(k), BLEND, outputs, result.oof[(fold == k).to_numpy()], precise)
        for k in sorted(fold.unique())
    ]
    oof_sha = write_predictions(layout.oof(BLEND), pd.concat(frames, ignore_index=True))
    test_frame = prediction_frame(test_ids, -1, BLEND, outputs, result.predict(test_values), precise)
    test_sha = write_predictions(layout.test(BLEND), test_frame)
    manifest = _manifest(context, result, versus, targets, manifests, made_of, oof_sha, test_sha)
    manifest = write_manifest(layout.manifest(BLEND), manifest)
    if result.weights is not None:
        weights = dict(zip(members, map(float, result.weights), strict=True))
        bars(layout.pipeline(BLEND) / "weights.png", weights, title="Weights of the blend", xlabel="effective weight")
    _tell(context, result, versus, targets)
    for name, one in manifests.items():
        if one.pseudo is not None:
            context.reporter.note(f"{name} has learnt from pseudo-labels, too: {one.pseudo.in_words()}")
    return manifest


def _warn_of_float32(context: Context, oof: dict[str, pd.DataFrame]) -> None:
    """Tell which predictions an earlier version kept as float32, where the target needs float64."""
    columns = [output_column(name) for name in sorted(context.contest.precise_outputs)]
    for name, frame in oof.items():
        if any(frame[column].dtype != np.float64 for column in columns):
            context.reporter.warn(
                f"{name}: its predictions are float32, which blurs a target so far from zero; remove "
                f"{context.layout.pipeline(name)} and run `{command(context.root, 'train', name)}`"
            )


def _named(result: BlendResult) -> dict[str, dict[str, float]]:
    """The weight of each member in the blend of each target."""
    return {
        target: dict(zip(result.names, map(float, weights), strict=True))
        for target, weights in result.weights_by_target.items()
    }


def _compare(
    contest: Contest,
    y: np.ndarray,
    fold: np.ndarray,
    best: np.ndarray,
    both: np.ndarray,
    groups: np.ndarray | None,
    seed: int,
) -> Comparison:
    """Is the blend's gain over its best pipeline real?"""
    metric, task = contest.metric, contest.task
    if needs_thresholds(metric, task) and len(np.unique(fold)) > 1:
        best, both = (nested_thresholds(metric, y, outputs, fold, task=task).labels for outputs in (best, both))
    return paired_bootstrap(metric, y, best, both, task=task, groups=groups, draws=500, seed=seed)


def _manifest(
    context: Context,
    result: BlendResult,
    versus: Comparison | None,
    targets: dict[str, TargetScore],
    manifests: dict[str, Manifest],
    made_of: str,
    oof_sha: str,
    test_sha: str,
) -> Manifest:
    first = next(iter(manifests.values()))
    weights = None if result.weights is None else [float(w) for w in result.weights]
    return Manifest(
        pipeline=BLEND,
        learner=BLEND,
        revision=BLEND_REVISION,
        version=context.version,
        fingerprint=made_of,
        inference=made_of,
        scoring=made_of,
        test_inference=made_of,
        folds_hash=first.folds_hash,
        data_hash=first.data_hash,
        metric=context.contest.metric.name,
        outputs=context.contest.outputs,
        members=[BLEND],
        trained=[True] * len(context.folds.numbers()),
        fold_scores=[result.honest_per_fold.get(fold) for fold in context.folds.numbers()],
        score=result.honest,
        member_scores=dict(zip(result.names, result.member_scores, strict=True)),
        oof_sha256=oof_sha,
        test_sha256=test_sha,
        extra={
            "combiner": result.combiner,
            "pipelines": list(manifests),
            "names": list(result.names),
            "weights": None if weights is None else dict(zip(result.names, weights, strict=True)),
            "in_sample": result.in_sample,
            "optimism": result.optimism,
            "best_pipeline": result.best_name,
            "gain": result.gain,
            "p_better": None if versus is None else versus.p_better,
            "thresholds": result.decide.facts(),
            **({"targets": {name: asdict(one) for name, one in targets.items()}} if targets else {}),
            **({"weights_by_target": _named(result)} if result.weights_by_target else {}),
        },
    )


def _tell(context: Context, result: BlendResult, versus: Comparison | None, targets: dict[str, TargetScore]) -> None:
    weights = [None] * len(result.names) if result.weights is None else list(result.weights)
    rows = [
        [name, f"{score:.5f}", "" if weight is None else f"{weight:.3f}"]
        for name, score, weight in zip(result.names, result.member_scores, weights, strict=True)
    ]
    rows.append([f"blend ({result.combiner}), in sample", f"{result.in_sample:.5f}", ""])
    rows.append(["blend, honest (nested)", f"{result.honest:.5f}", ""])
    rows += [[f"  {name} ({one.metric})", f"{one.score:.5f}", ""] for name, one in targets.items()]
    rows.append(["optimism", f"{round(result.optimism, 5) + 0.0:+.5f}", ""])
    context.reporter.table("blend", ["", context.contest.metric.name, "weight"], rows)
    if versus is not None:
        context.reporter.note(
            f"honest gain over the best pipeline ({_in_words(result)}): {result.gain:+.5f}; "
            f"P(better) {versus.p_better:.2f} by a paired bootstrap"
        )
        disagreement = explain_disagreement(result.gain, versus.p_better)
        if disagreement is not None:
            context.reporter.note(disagreement)
        if result.gain < 0 and versus.p_better < 0.25:
            context.reporter.note(
                f"the blend is worse than its best pipeline: leave the weak ones out (pipelines: in "
                f"{context.layout.blend_config}), or `{command(context.root, 'submit', result.best_name)}`"
            )


def _in_words(result: BlendResult) -> str:
    """The best pipeline, its score, and of how many members that is the mean."""
    count = sum(name.partition("/")[0] == result.best_name for name in result.names)
    return result.best_name + (f", the mean of its {count} members: {result.best_score:.5f}" if count > 1 else "")
