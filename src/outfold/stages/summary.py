"""summary: a pipeline's network before it is trained, layer by layer and phase by phase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outfold.stages.context import Context
from outfold.stages.network import image_learner

if TYPE_CHECKING:
    from outfold.learners.image.summary import NetworkSummary


def summary(context: Context, name: str) -> NetworkSummary:
    """Print the layers, the phases and the totals, and draw ``schedule.png``.

    Raises:
        ConfigError: a pipeline without a network, or a recipe that does not fit it.
    """
    learner = image_learner(context, name, "summary")
    from outfold.learners.image.schedule import PICTURE
    from outfold.learners.image.summary import summarise_network

    path = context.layout.pipeline(name) / PICTURE
    found = summarise_network(learner, _training_rows(context), path)
    reporter = context.reporter
    reporter.table(f"{name}: {learner.config.model}", *found.layer_table())
    reporter.table("phases", *found.phase_table())
    reporter.note(
        f"parameters: {found.count:,} in {len(found.groups)} layer groups; {found.weight_bytes / 2**20:,.1f} MiB"
    )
    reporter.note("activations: what the backward pass keeps of one batch, in the precision of the forward pass")
    for line in found.policy:
        reporter.note(line)
    reporter.note(f"summary: {path}")
    return found


def _training_rows(context: Context) -> int:
    """The rows of a fold's training part; nearly so before the split."""
    if context.layout.folds.exists():
        return len(context.folds.train(context.folds.numbers()[0]))
    n = context.competition.folds.n
    return max(len(context.contest.train) * (n - 1) // n, 1)
