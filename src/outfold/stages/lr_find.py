"""lr-find: the learning-rate finder where a phase of a pipeline begins."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from outfold.config.pipeline import ImagePipeline
from outfold.errors import ConfigError
from outfold.stages.context import Context
from outfold.store.fingerprint import fingerprint
from outfold.store.lock import only_writer
from outfold.store.shelf import Shelf

if TYPE_CHECKING:
    from outfold.learners.image import ImageLearner

PICTURE = "lr_find.png"


def network(context: Context, name: str, what: str) -> ImagePipeline:
    """The configuration of a pipeline that has a network.

    Raises:
        ConfigError: it has none; ``what`` it would be needed for.
    """
    config = context.model_config(name)
    if not isinstance(config, ImagePipeline):
        path = context.layout.pipeline_config(name)
        raise ConfigError(f"{path}: learner: {config.learner} has no network, so there is no {what}")
    return config


def image_learner(context: Context, name: str, what: str) -> ImageLearner:
    """The learner of a pipeline that has a network."""
    from outfold.learners.image import ImageLearner

    return ImageLearner(context.contest, network(context, name, what), name, context.reporter)


def checked_phase(config: ImagePipeline, phase: int) -> int:
    """The phase's number, if the pipeline has it.

    Raises:
        ConfigError: it has not.
    """
    if not 1 <= phase <= len(config.phases):
        raise ConfigError(f"--phase {phase}: the pipeline has the phases 1 to {len(config.phases)}")
    return phase


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
    learner = image_learner(context, name, "learning rate to find")
    checked_phase(learner.config, phase)
    fold = context.folds.numbers()[0] if fold is None else context.checked_fold(fold)
    from outfold.learners.image_lr import MEANINGS, draw_sweep, find_lr

    folder = context.layout.pipeline(name)
    with only_writer(folder):
        made_of = fingerprint(fit=context.fit_fingerprint(learner.config), phase=phase, fold=fold)
        shelf = Shelf.open(folder / "lr_find", made_of)
        sweep = find_lr(learner, phase, fold, context.folds.train(fold), context.folds.valid(fold), shelf)
        draw_sweep(sweep, f"{name}, phase {phase}, fold {fold}", folder / PICTURE)
        shutil.rmtree(shelf.folder)
    found = sweep.suggestions()
    rows = [[rule, f"{lr:.2e}", MEANINGS[rule]] for rule, lr in found.items()]
    context.reporter.table(f"{name}, phase {phase}, fold {fold}", ["suggestion", "lr", ""], rows)
    context.reporter.note(f"lr-find: {folder / PICTURE}")
    return found
