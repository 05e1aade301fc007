"""One fold of a pipeline: trained, its out-of-fold rows predicted, its score told."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

import pandas as pd

from outfold.ensemble.thresholds import needs_thresholds
from outfold.errors import OutfoldError
from outfold.learners.base import Learner
from outfold.learners.registry import make_learner
from outfold.runs.compute import placed
from outfold.runs.context import Context
from outfold.runs.provenance import fit_fingerprint
from outfold.runs.pseudo_labels import pseudo_labels
from outfold.runs.scoring import score_oof
from outfold.store.fingerprint import fingerprint
from outfold.store.fold_dir import Shelf
from outfold.store.predictions import read_predictions, write_predictions
from outfold.threads import cores, set_threads, threads_in_use

OOF = "oof.parquet"
THREADS = "threads"


def is_trained(shelf: Shelf, fold: int, inference: str) -> bool:
    """Whether the shelf holds the fold's models, and the out-of-fold predictions that they make under ``inference``."""
    return (shelf.done or {}).get("oof") == _key(fold, inference) and shelf.has(OOF)


def _key(fold: int, inference: str) -> str:
    return fingerprint(inference=inference, fold=fold)


def train_fold(context: Context, name: str, learner: Learner, shelf: Shelf, fold: int, inference: str) -> None:
    """Bring a shelf to where :func:`is_trained` holds, doing only what is left to do, and tell the fold's score."""
    valid = context.folds.valid(fold)
    if not is_trained(shelf, fold, inference):
        with _threads_as_begun(shelf):
            if shelf.done is None:
                began = time.monotonic()
                fit_fold(context, name, learner, shelf, fold)
                if shelf.done is not None and "seconds" not in shelf.done:
                    shelf.finish(**shelf.done, seconds=time.monotonic() - began)
            frame = learner.predict("train", valid, {fold: shelf})
            with shelf.writing(OOF) as beside:
                write_predictions(beside, frame)
            shelf.finish(**{**(shelf.done or {}), "oof": _key(fold, inference)})
    contest = context.contest
    if needs_thresholds(contest.metric, contest.task):
        context.reporter.note(f"  {name} fold {fold}: trained")  # its labels are decided by the other folds
    else:
        one = score_oof(contest, oof_of(shelf), [fold])
        context.reporter.note(f"  {name} fold {fold}: {contest.metric.name} {one.score:.5f}")


def learner_of(context: Context, name: str, made_of: str, devices: Sequence[str], place: int) -> Learner:
    """The learner of a process that works for a stage elsewhere, on its turn of the devices.

    Args:
        made_of: the stage's fingerprint of the models.
        place: of the process among those that work for the stage.

    Raises:
        OutfoldError: this process has found something else than the stage has.
    """
    config = context.model_config(name)
    if fit_fingerprint(context, config) != made_of:
        raise OutfoldError(
            f"{name}: the contest, the pipeline or the data changed as the training began",
            remedy="Run the same command again.",
        )
    return make_learner(context.contest, placed(config, devices, place), name, context.reporter)


def fit_fold(context: Context, name: str, learner: Learner, shelf: Shelf, fold: int) -> None:
    """Train the fold's models, and nothing more."""
    train, valid = context.folds.train(fold), context.folds.valid(fold)
    learner.fit(fold, train, valid, shelf, pseudo_labels(context, name, fold))


def oof_of(shelf: Shelf) -> pd.DataFrame:
    """The out-of-fold predictions of a trained fold."""
    return read_predictions(shelf.checked(OOF))


@contextlib.contextmanager
def _threads_as_begun(shelf: Shelf) -> Iterator[None]:
    """A fold ends on as many threads as it began with, for a sum's last bits depend on how it is shared out.

    On a machine with fewer cores it takes what there is.
    """
    now = threads_in_use()
    if not shelf.has(THREADS):
        shelf.put(THREADS, str(now).encode())
    begun = int(shelf.read(THREADS))
    if begun == now or begun > cores():
        yield
        return
    set_threads(begun)
    try:
        yield
    finally:
        set_threads(now)
