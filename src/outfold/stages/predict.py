"""predict: the test set, by every fold and member of one pipeline, each row read once."""

from __future__ import annotations

from outfold.errors import MismatchError
from outfold.learners.registry import make_learner
from outfold.runs.context import Context, command
from outfold.runs.fingerprints import inference_fingerprint
from outfold.runs.imported import imported, leave_alone
from outfold.runs.provenance import changed, fit_fingerprint, refused
from outfold.runs.stage_stamps import Stamp
from outfold.store.file_record import holds
from outfold.store.fold_dir import Shelf
from outfold.store.lock import only_writer
from outfold.store.manifest import read_manifest, write_manifest
from outfold.store.predictions import write_predictions


def predict(context: Context, name: str) -> None:
    """Leave test.parquet; does nothing where it is made of the models and settings at hand.

    Raises:
        MismatchError: the pipeline is not trained, or was trained on something else than what is here now.
    """
    outside = imported(context, name)
    if outside is not None:
        leave_alone(context, name, outside, "predict")
        return
    config = context.model_config(name)
    layout, reporter = context.layout, context.reporter
    path = layout.test(name)
    stamp = Stamp(context, "predict", name)
    with only_writer(layout.pipeline(name)):
        manifest = read_manifest(layout.manifest(name))
        made_of = fit_fingerprint(context, config)
        inference = inference_fingerprint(config, made_of)
        if manifest is None:
            raise refused(context, name, "", "is not trained", ["train"])
        if manifest.fingerprint != made_of:
            raise refused(context, name, "", changed(context, config, manifest), ["train"])
        if manifest.inference != inference:
            raise refused(context, name, "", "has predicted with other settings than its file has now", ["train"])
        if manifest.test_inference == inference and holds(path, manifest.test_sha256):
            stamp.write()
            reporter.note(f"predict {name}: up to date")
            return
        folds = [fold for fold, done in zip(context.folds.numbers(), manifest.trained, strict=True) if done]
        shelves = {fold: Shelf(layout.fold(name, fold)) for fold in folds}
        untrained = []
        for fold, shelf in shelves.items():
            if shelf.fingerprint != made_of or shelf.done is None:
                error = shelf.damage()
                if error is not None:
                    raise error
                untrained.append(str(fold))
        if untrained:
            raise MismatchError(
                f"{name}: the models of fold {', '.join(untrained)} are gone from {layout.fold(name, folds[0]).parent}",
                remedy=f"Run `{command(context.root, 'train', name)}`.",
            )
        learner = make_learner(context.contest, config, name, reporter)
        frame = learner.predict("test", context.contest.test.index, shelves)
        digest = write_predictions(path, frame)
        update = {"test_sha256": digest, "test_inference": inference}
        write_manifest(layout.manifest(name), manifest.model_copy(update=update))
        stamp.write()
    rows, votes = frame["id"].nunique(), len(frame.groupby(["fold", "member"]))
    reporter.note(f"predict {name}: {rows:,} test rows, {_averaged(votes)}")


def _averaged(models: int) -> str:
    return "predicted by 1 model" if models == 1 else f"predictions averaged over {models} models"
