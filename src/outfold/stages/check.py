"""check: everything that can go wrong before training, found in seconds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from outfold.contest import Contest
from outfold.contest_summary import (
    category_alarms,
    category_facts,
    date_facts,
    one_sided_categories,
    submission_doubts,
    submission_meaning,
    target_facts,
)
from outfold.errors import ConfigError, OutfoldError, some
from outfold.folds import Folds
from outfold.runs.context import Context
from outfold.runs.image_checks import check_images, move_aside
from outfold.runs.imported import imported
from outfold.runs.rehearsal import rehearse_blend, rehearse_pipeline, rehearse_scores, rehearse_submission
from outfold.stages.columns import suspicious_rows
from outfold.stages.split import described, make_split

T = TypeVar("T")


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
    alarms = category_alarms(one_sided_categories(contest))
    for warning in [*submission_doubts(contest), *alarms, *suspicious_rows(contest)]:
        reporter.warn(warning)
    if contest.roles.image:
        found = check_images(context)
        if fix and move_aside(context, found):
            # the contest is another one without them
            context = Context(context.root, reporter)
            contest = context.contest
    elif fix:
        raise ConfigError("check --fix: this contest has no images, and nothing else can be moved aside")
    folds, errors = _rehearse(context)
    if errors:
        for another in errors[1:]:
            reporter.warn(str(another))
        raise errors[0]
    reporter.note(f"check: passed ({len(folds.numbers())} folds rehearsed); ready to train")


def _rehearse(context: Context) -> tuple[Folds, list[OutfoldError]]:
    """Go through the later stages without training.

    Returns:
        the folds, and what the stages would refuse.

    Raises:
        OutfoldError: the split is refused, without which nothing else can be tried.
    """
    reporter = context.reporter
    folds, warnings = make_split(context)
    errors: list[OutfoldError] = []

    def attempt(function: Callable[[], T]) -> T | None:
        try:
            return function()
        except OutfoldError as error:
            if str(error) not in map(str, errors):  # several stages read the same file
                errors.append(error)
            return None

    for name in context.layout.chosen(None):
        if attempt(partial(imported, context, name)) is not None:
            reporter.note(f"pipelines/{name}.yaml: imported predictions")
            continue
        model = attempt(partial(rehearse_pipeline, context, name, folds))
        if model is not None:
            reporter.note(f"pipelines/{name}.yaml: {model.learner}, ready")
    attempt(partial(rehearse_scores, context, folds))
    blend = attempt(context.blend_config)
    if blend is not None:
        attempt(lambda: context.layout.chosen(blend.pipelines))
        attempt(partial(rehearse_blend, context, blend, folds))
    warnings += attempt(partial(rehearse_submission, context, folds)) or []
    for warning in warnings:
        reporter.warn(warning)
    return folds, errors


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
    rows += target_facts(contest)
    holds = submission_meaning(contest)
    if holds is not None:
        rows.append(["submission", holds])
    if not set(contest.id_rules.values()) <= {contest.id_column}:
        rules = (f"{part}: {rule}" for part, rule in contest.id_rules.items())
        rows.append([f"ids ({contest.id_column})", "; ".join(rules)])
    renamed = contest.sample_format.columns
    if renamed:
        rows.append(["sample columns", some((f"{column} = {output}" for column, output in renamed.items()), 8)])
    if roles.image:
        rows.append(["images", "one per row"])
    for role in ("continuous", "categorical", "dates"):
        names = getattr(roles, role)
        if names:
            rows.append([role, some(names, 8)])
    rows += date_facts(contest) + category_facts(one_sided_categories(contest))
    return rows
