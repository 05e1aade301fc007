"""summary: a pipeline's network before it is trained, layer by layer and phase by phase."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pandas as pd

from outfold.progress import LineReporter
from outfold.runs.context import Context
from outfold.runs.neural import neural_learner
from outfold.store.atomic import write_text

if TYPE_CHECKING:
    from outfold.learners.neural.summary import NetworkSummary

TABLES = "summary.txt"


def summary(context: Context, name: str) -> NetworkSummary:
    """Print the layers, the phases and the totals, and draw ``schedule.png``.

    Raises:
        ConfigError: a pipeline without a network, or a recipe that does not fit it.
    """
    fold = context.folds.numbers()[0] if context.layout.folds.exists() else None
    learner, _ = neural_learner(context, name, "summary", fold)
    from outfold.learners.image.learner import ImageLearner
    from outfold.learners.neural.curves import PICTURE, draw_schedule

    path = context.layout.pipeline(name) / PICTURE
    ids, rows = _training_part(context, fold)
    if isinstance(learner, ImageLearner):
        from outfold.learners.image.summary import summarise_images

        title, found = learner.config.model, summarise_images(learner, rows)
    else:
        from outfold.learners.tabular.summary import summarise_table

        title, found = learner.config.learner, summarise_table(learner, ids, rows)
    draw_schedule(found.plans, len(found.groups), name, path)
    reporter = context.reporter
    tables = [
        (f"{name}: {title}", found.layer_table(), ("kind", "output", "group")),
        (
            "phases",
            found.phase_table(),
            ("activations", "GFLOP an image", "MFLOP a row", "parameters", "batch", "size"),
        ),
    ]
    whole = io.StringIO()
    for heading, (columns, lines), less in tables:
        reporter.table(heading, columns, lines, less=less)
        LineReporter(whole).table(heading, columns, lines)
    write_text(path.with_name(TABLES), whole.getvalue())
    reporter.note(
        f"parameters: {found.count:,} in {len(found.groups)} layer groups; {found.weight_bytes / 2**20:,.1f} MiB"
    )
    reporter.note("activations: what the backward pass keeps of one batch, in the precision of the forward pass")
    for line in found.policy:
        reporter.note(line)
    reporter.note(f"summary: {path}; the whole tables are {path.with_name(TABLES)}")
    return found


def _training_part(context: Context, fold: int | None) -> tuple[pd.Index, int]:
    """The ids of a fold's training part and their number; before the split all rows, and nearly the number."""
    if fold is not None:
        ids = context.folds.train(fold)
        return ids, len(ids)
    n = context.competition.folds.n
    ids = context.contest.train.index
    return ids, max(len(ids) * (n - 1) // n, 1)
