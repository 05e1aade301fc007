"""show: a contact sheet of augmented training images, to be looked at before anything is trained."""

from __future__ import annotations

from pathlib import Path

from outfold.runs.context import Context
from outfold.runs.neural import checked_phase, image_learner

PICTURE = "augmented.png"


def show(
    context: Context, name: str, to: Path | None = None, *, phase: int | None = None, rows: int = 8, draws: int = 6
) -> Path:
    """Write a picture of training images with their labels: each as it is, and as the epochs of a phase augment it.

    Args:
        to: where; ``artifacts/<pipeline>/augmented.png`` if left out.
        phase: its number, from 1; the last one if left out.
        rows: how many images.
        draws: how many epochs.

    Raises:
        ConfigError: no such phase, or a pipeline without a network.
    """
    learner = image_learner(context, name, "augmentation to show")
    number = checked_phase(learner.config, len(learner.config.phases) if phase is None else phase)
    from outfold.learners.image.contact_sheet import contact_sheet, draw_sheet

    split = context.layout.folds.exists()
    fold = context.folds.numbers()[0] if split else 0
    train = context.folds.train(fold) if split else context.contest.train.index
    sheet = contact_sheet(learner, train, fold=fold, phase=number, rows=rows, draws=draws)
    path = context.layout.pipeline(name) / PICTURE if to is None else to
    draw_sheet(sheet, f"{name}, phase {number}: the original, and epochs 1 to {draws}", path)
    context.reporter.note(f"show: {path}")
    return path
