"""check: everything that can go wrong before training, found in seconds."""

from __future__ import annotations

import numpy as np

from outfold.contest import Contest
from outfold.errors import ConfigError, OutfoldError, some
from outfold.learners.registry import make_learner
from outfold.stages.check_images import check_images, move_aside
from outfold.stages.columns import suspicious_rows
from outfold.stages.context import Context
from outfold.stages.split import described, random_over_time


def check(context: Context, *, fix: bool = False) -> None:
    """Read the contest, every image and every pipeline, build each model's description, and print what was found.

    Args:
        fix: move images that are junk to inputs_junk/, and go on with what is left.

    Raises:
        OutfoldError: the first thing that would stop a run; every pipeline was looked at.
    """
    context.layout.pipeline_names()  # odd names of files, before anything is read
    contest, reporter = context.contest, context.reporter
    context.warn_of_the_data()
    config = context.competition
    reporter.table(f"{config.slug} ({config.host})", ["", "found"], _facts(contest, context))
    for warning in [*random_over_time(contest), *suspicious_rows(contest)]:
        reporter.warn(warning)
    if contest.roles.image:
        found = check_images(context)
        if fix and move_aside(context, found):
            # the contest is another one without them
            context = Context(context.root, reporter)
            contest = context.contest
    elif fix:
        raise ConfigError("check --fix: this contest has no images, and nothing else can be moved aside")
    errors: list[OutfoldError] = []
    for name in context.layout.chosen(None):
        try:
            model = context.model_config(name)
            make_learner(contest, model, name, reporter).check()
        except OutfoldError as error:
            errors.append(error)
        else:
            reporter.note(f"pipelines/{name}.yaml: {model.learner}, ready")
    if errors:
        for another in errors[1:]:
            reporter.warn(str(another))
        raise errors[0]
    blend = context.blend_config()
    if blend.pipelines is not None:
        context.layout.chosen(blend.pipelines)
    reporter.note("check: nothing stands in the way of `train`")


def _facts(contest: Contest, context: Context) -> list[list[str]]:
    roles = contest.roles
    direction = "greater is better" if contest.metric.greater_is_better else "less is better"
    rows = [
        ["train rows", f"{len(contest.train):,}"],
        ["test rows", f"{len(contest.test):,}"],
        ["task", contest.task],
        ["target", ", ".join(contest.targets)],
        ["metric", f"{contest.metric.name} ({direction})"],
        ["folds", described(contest, context.competition.folds)],
    ]
    for one in contest.questions:
        asked = f"{one.targets[0]}: " if contest.subtasks else ""
        if contest.subtasks:
            rows.append([f"target {one.targets[0]}", f"{one.task}, {one.metric.name}"])
        if one.classes is not None and one.task != "multilabel":
            counts = np.bincount(one.y, minlength=len(one.classes))
            shown = (f"{name} {count:,}" for name, count in zip(one.classes, counts, strict=True))
            rows.append([f"{asked}classes", some(shown, 10)])
    if roles.image:
        rows.append(["images", "one a row"])
    for role in ("continuous", "categorical", "dates"):
        names = getattr(roles, role)
        if names:
            rows.append([role, some(names, 8)])
    return rows
