"""lr-find: the learning-rate finder where a phase of a pipeline begins."""

from __future__ import annotations

import shutil

from outfold.runs.context import Context
from outfold.runs.neural import checked_phase, neural_learner
from outfold.runs.provenance import fit_fingerprint
from outfold.runs.pseudo_labels import pseudo_labels
from outfold.store.fingerprint import fingerprint
from outfold.store.fold_dir import Shelf
from outfold.store.lock import only_writer

PICTURE = "lr_find.png"


def lr_find(context: Context, name: str, *, phase: int = 1, fold: int | None = None) -> dict[str, float]:
    """Sweep the learning rate at the start of a phase, print what is suggested, and draw ``lr_find.png``.

    The phases before it are trained first, and thrown away; nothing that ``train`` uses is touched.

    Args:
        phase: its number, from 1.
        fold: whose training part is used; the first one if left out.

    Returns:
        valley, steep, minimum and slide: a learning rate each, of the head.

    Raises:
        ConfigError: no such phase or fold, or a pipeline without a network.
    """
    context.model_config(name)
    fold = context.folds.numbers()[0] if fold is None else context.checked_fold(fold)
    learner, scales = neural_learner(context, name, "learning rate to find", fold)
    checked_phase(learner.config, phase)
    from outfold.learners.neural.lr_range_test import MEANINGS, draw_sweep, find_lr

    folder = context.layout.pipeline(name)
    with only_writer(folder):
        made_of = fingerprint(fit=fit_fingerprint(context, context.model_config(name)), phase=phase, fold=fold)
        scratch = folder / "lr_find"
        shelf = Shelf.open(scratch / str(fold), made_of)
        train, valid = context.folds.train(fold), context.folds.valid(fold)
        taught = pseudo_labels(context, name, fold)
        taught = scales.pseudo(taught) if taught is not None and scales.transforms else taught
        sweep = find_lr(learner, phase, fold, train, valid, shelf, taught)
        draw_sweep(sweep, f"{name}, phase {phase}, fold {fold}", folder / PICTURE)
        shutil.rmtree(scratch)
    found = sweep.suggestions()
    rows = [[rule, f"{lr:.2e}", MEANINGS[rule]] for rule, lr in found.items()]
    context.reporter.table(f"{name}, phase {phase}, fold {fold}", ["suggestion", "lr", ""], rows)
    context.reporter.note(f"lr-find: {folder / PICTURE}")
    return found
