"""What was understood of a contest, in words: classes and labels with counts, dates, and what the submission holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from outfold.contest import Contest
from outfold.errors import SubmissionError, some
from outfold.metrics import to_labels
from outfold.submission.binary_column import is_truth
from outfold.submission.explain import doubts, meaning
from outfold.submission.form import Form, form_of
from outfold.submission.labels import written_labels

MANY = 10
"""So many classes or labels are shown with their counts."""


def target_facts(contest: Contest) -> list[list[str]]:
    """A row for the classes or labels of each target, with their counts."""
    rows = []
    for one in contest.questions:
        of = f"{one.targets[0]}: " if contest.subtasks else ""
        if contest.subtasks:
            rows.append([f"target {one.targets[0]}", f"{one.task}, {one.metric.name}"])
        if one.classes is None:
            continue
        tags = one.task == "multilabel"
        counts = one.y.sum(axis=0, dtype=np.int64) if tags else np.bincount(one.y, minlength=len(one.classes))
        shown = some((f"{_name(value)} {count:,}" for value, count in zip(one.classes, counts, strict=True)), MANY)
        rows.append([f"{of}{'labels' if tags else 'classes'}", shown])
        bare = int((one.y.sum(axis=1) == 0).sum()) if tags else 0
        if bare:
            rows.append([f"{of}rows without a label", f"{bare:,}"])
    return rows


def _name(value: Any) -> str:
    """A class as it stands, in quotes where blanks around it would not be seen."""
    text = str(value)
    return text if text and text == text.strip() else repr(text)


def submission_form(contest: Contest) -> Form | None:
    """The form of a contest of one target; None of several, and where the sample fits no form."""
    if contest.subtasks:
        return None
    try:
        return form_of(
            contest.sample,
            task=contest.task,
            targets=contest.targets,
            classes=contest.classes,
            metric=contest.metric,
            id_column=contest.id_column,
            positive_is_said=contest.config.positive is not None,
        )
    except SubmissionError:
        return None  # building the submission says what is wrong


def submission_labels(contest: Contest) -> list[Any] | None:
    """What stands in a cell for each class, where that is not the class itself."""
    form = submission_form(contest)
    if form is None or contest.classes is None:
        return None
    return written_labels(form, contest.sample, contest.classes, contest.written)


def submission_meaning(contest: Contest) -> str | None:
    """What the submission's single column of a binary target holds, and how to have the other class.

    None of other forms, and where 1 or True is the positive class, of which there is nothing to guess.
    """
    form = submission_form(contest)
    said = None if form is None or contest.classes is None else meaning(form, contest.classes, contest.targets[0])
    if form is None or said is None or form.binary is None or contest.classes is None:
        return None
    if form.binary.positive == 1 and form.binary.cells is None and is_truth(contest.classes):
        return None
    reason = "as the column's name says" if form.binary.named else "as `positive` says"
    if not form.binary.named and contest.config.positive is None:
        other = contest.classes[1 - form.binary.positive]
        reason = f"a guess; for the other class: `positive: {other}`"
    return f"{form.columns[0]}: {said} ({reason})"


def submission_doubts(contest: Contest) -> list[str]:
    """Warnings about what the submission holds."""
    form = submission_form(contest)
    if form is None or contest.classes is None:
        return []
    return doubts(form, contest.classes, contest.metric)


def submission_facts(contest: Contest, outputs: pd.DataFrame, thresholds: Any) -> list[str]:
    """What was guessed in a submission: the class of a number, and tags of rows that no threshold gives one.

    Args:
        outputs, thresholds: what it was built from.
    """
    form, holds = submission_form(contest), submission_meaning(contest)
    facts = [] if holds is None else [holds]
    if form is not None and form.kind == "tags" and untagged_share(contest) == 0:
        labels = to_labels(outputs[contest.outputs], task="multilabel", thresholds=thresholds)
        bare = int((labels.sum(axis=1) == 0).sum())
        if bare:
            facts.append(
                f"{bare} of {len(outputs)} rows have no tag above its threshold, and no training row is without one: "
                "their likeliest tag is sent"
            )
    return facts


def untagged_share(contest: Contest) -> float | None:
    """The share of training rows without a label; None where the task has none."""
    return float((contest.y.sum(axis=1) == 0).mean()) if contest.task == "multilabel" else None
