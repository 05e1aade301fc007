"""train: every fold of one pipeline, and its out-of-fold predictions."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import pandas as pd

from outfold.config.pipeline import ModelPipeline
from outfold.learners.registry import make_learner, revision
from outfold.learners.wrappers.per_fold import check_folds
from outfold.runs.compute import ANY, Compute, placed
from outfold.runs.context import Context, command
from outfold.runs.fingerprints import inference_fingerprint, weights_file
from outfold.runs.imported import imported, leave_alone
from outfold.runs.parallel.ddp_launcher import call_ranks, place, started_by_torchrun
from outfold.runs.parallel.fold_pool import Work, train_side_by_side
from outfold.runs.provenance import fit_fingerprint
from outfold.runs.pseudo_labels import pseudo_facts
from outfold.runs.scoring import rescored, score_fields, score_oof
from outfold.runs.stage_stamps import Stamp
from outfold.runs.train_fold import is_trained, oof_of, train_fold
from outfold.store.file_record import holds
from outfold.store.fold_dir import Shelf, open_intact
from outfold.store.lock import only_writer
from outfold.store.manifest import Manifest, replaceable_manifest, write_manifest
from outfold.store.predictions import members_of, outputs_of, write_predictions


def train(context: Context, name: str, *, only_folds: Sequence[int] | None = None, compute: Compute = ANY) -> Manifest:
    """Train what is not trained yet and leave oof.parquet, a manifest and a table of folds.

    Args:
        only_folds: train these folds alone, for a quick look; the result is marked as partial and no blend takes it.
        compute: how many folds at once, and where.

    Raises:
        ConfigError: the pipeline's file, or a fold that the split does not have.
    """
    outside = imported(context, name)
    if outside is not None:
        return leave_alone(context, name, outside, "train")
    config = context.model_config(name)
    layout, reporter = context.layout, context.reporter
    stamp = Stamp(context, "train", name, _also_read(context, config))
    folds = sorted({context.checked_fold(fold) for fold in only_folds}) if only_folds else context.folds.numbers()
    check_folds(config, context.folds, layout.pipeline_config(name))
    with only_writer(layout.pipeline(name)):
        made_of = fit_fingerprint(context, config)
        inference = inference_fingerprint(config, made_of)
        before = replaceable_manifest(layout.manifest(name), reporter)
        if before is not None and _is_fresh(context, name, before, inference, folds):
            manifest = rescored(context, name, before)
            _stamp(stamp, manifest)
            reporter.note(f"train {name}: up to date ({manifest.metric} {manifest.score:.5f})")
            return manifest
        devices = compute.devices_for(config, str(layout.pipeline_config(name)))
        learner = make_learner(context.contest, placed(config, devices, place()), name, reporter)
        shelves = {fold: _opened(context, name, fold, made_of) for fold in folds}
        left = [fold for fold, shelf in shelves.items() if not is_trained(shelf, fold, inference)]
        jobs = 1 if started_by_torchrun() else min(compute.jobs_for(config), len(left))
        if jobs > 1:
            learner.check()  # what every fold would stumble over is told once
            work = Work(context.root, name, made_of, inference, devices)
            train_side_by_side(work, left, jobs, reporter)
        call_ranks(config, name, [fold for fold in left if shelves[fold].done is None], made_of)
        for fold, shelf in shelves.items():
            if jobs <= 1 or fold not in left:
                train_fold(context, name, learner, shelf, fold, inference)
        frame = pd.concat([oof_of(shelf) for shelf in shelves.values()], ignore_index=True)
        seconds = sum(float((shelf.done or {}).get("seconds", 0.0)) for shelf in shelves.values())
        digest = write_predictions(layout.oof(name), frame)
        manifest = _manifest(context, name, config, frame, made_of, inference)
        waited = [(shelf.done or {}).get("waited") for shelf in shelves.values()]
        waiting = None if None in waited or not seconds else sum(map(float, filter(None, waited))) / seconds
        manifest = manifest.model_copy(update={"seconds": seconds, "waiting": waiting, "oof_sha256": digest})
        facts = {"pseudo": pseudo_facts(context, config, shelves), "batch_size": _batch_size(shelves.values())}
        manifest = manifest.model_copy(update=facts)
        if before is not None and before.trained == manifest.trained:
            kept = {"test_sha256": before.test_sha256, "test_inference": before.test_inference}
            manifest = manifest.model_copy(update=kept)
        manifest = write_manifest(layout.manifest(name), manifest)
        _stamp(stamp, manifest)
        learner.summarise(shelves, layout.pipeline(name))
    _tell(context, manifest)
    return manifest


def _also_read(context: Context, config: ModelPipeline) -> list[str]:
    """Files of other pipelines and of weights that a pipeline is made of, by path relative to the contest folder."""
    results = [f"artifacts/{name}/{file}" for name in config.upstream() for file in ("oof.parquet", "test.parquet")]
    weights = weights_file(config)
    return results if weights is None else [*results, str(weights)]


def _stamp(stamp: Stamp, manifest: Manifest) -> None:
    """Record the result; a quick look at some folds counts as none."""
    if manifest.complete:
        stamp.write(present=[f"artifacts/{manifest.pipeline}/manifest.json"])
    else:
        stamp.remove()


def _is_fresh(context: Context, name: str, before: Manifest, inference: str, folds: list[int]) -> bool:
    """The OOF file on disk is what this run would write, and the models have predicted, or are there to predict."""
    layout = context.layout
    trained = [fold for fold, done in zip(context.folds.numbers(), before.trained, strict=False) if done]
    if before.inference != inference or trained != folds or not holds(layout.oof(name), before.oof_sha256):
        return False
    shelves = [Shelf(layout.fold(name, fold)) for fold in folds]
    if any(shelf.damage() is not None for shelf in shelves):
        return False
    if before.test_inference == inference and holds(layout.test(name), before.test_sha256):
        return True
    return all(shelf.done is not None for shelf in shelves)


def _opened(context: Context, name: str, fold: int, made_of: str) -> Shelf:
    """A fold's shelf; emptied, and told, where one of its files is damaged."""
    shelf, error = open_intact(context.layout.fold(name, fold), made_of)
    if error is not None:
        context.reporter.warn(f"{error.message}; fold {fold} of {name} is trained again")
    return shelf


def _batch_size(shelves: Iterable[Shelf]) -> list[int] | None:
    """The rows of a batch in each phase, which are the same for all folds."""
    return next(((shelf.done or {}).get("batch_size") for shelf in shelves), None)


def _manifest(
    context: Context, name: str, config: ModelPipeline, frame: pd.DataFrame, made_of: str, inference: str
) -> Manifest:
    numbers = context.folds.numbers()
    scores = score_oof(context.contest, frame, numbers)
    trained = set(frame["fold"].unique())
    return Manifest(
        pipeline=name,
        learner=config.learner,
        revision=revision(config),
        version=context.version,
        fingerprint=made_of,
        inference=inference,
        folds_hash=context.folds.hash,
        data_hash=context.data_hash,
        outputs=outputs_of(frame),
        members=members_of(frame),
        trained=[fold in trained for fold in numbers],
        metric=context.contest.metric.name,
        **score_fields(context, inference, scores),
    )


def _tell(context: Context, manifest: Manifest) -> None:
    rows = [
        [f"fold {fold}", "-" if score is None else f"{score:.5f}"] for fold, score in enumerate(manifest.fold_scores)
    ]
    if len(manifest.members) > 1:
        rows += [[f"member {member}", f"{score:.5f}"] for member, score in manifest.member_scores.items()]
    for target, one in manifest.extra.get("targets", {}).items():
        rows.append([f"target {target} ({one['metric']})", f"{one['score']:.5f}"])
    rows.append(["out of fold", f"{manifest.score:.5f}"])
    columns = ["", manifest.metric]
    if manifest.pseudo is not None:
        columns.append("pseudo-labels")
        told = [manifest.pseudo.in_words(fold) for fold in range(len(manifest.fold_scores))]
        rows = [[*row, words] for row, words in itertools.zip_longest(rows, told, fillvalue="")]
    name = manifest.pipeline
    waiting = "" if manifest.waiting is None else f", {manifest.waiting:.0%} of it waiting for data"
    context.reporter.table(f"{name}: {manifest.seconds:.0f} s of training{waiting}", columns, rows)
    if not manifest.complete:
        context.reporter.note(f"partial: `{command(context.root, 'train', name)}` trains the other folds")
