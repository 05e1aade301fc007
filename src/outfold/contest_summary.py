"""Text summary of a loaded competition: class and label counts, date ranges, and the meaning of the submission."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.contest import Contest
from outfold.data.encoding.categories import Categories, as_text
from outfold.errors import SubmissionError, in_yaml, quoted, shorten, some
from outfold.metrics import to_labels
from outfold.submission.binary_column import is_truth
from outfold.submission.explain import doubts, meaning
from outfold.submission.form import Form, form_of
from outfold.submission.labels import written_labels

LONGEST_NAME = 80
MANY = 10
"""Maximum number of classes or labels shown with their counts."""


def target_facts(contest: Contest) -> list[list[str]]:
    """Table rows with the class or label counts of each target."""
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


def date_facts(contest: Contest) -> list[list[str]]:
    """Table rows with the first and last date of each date column, in training and test."""
    rows = []
    for name in contest.roles.dates:
        parts = {"train": contest.train[name].dropna(), "test": contest.test[name].dropna()}
        spans = (f"{part} {_day(days.min())} to {_day(days.max())}" for part, days in parts.items() if len(days))
        rows.append([f"dates of {name}", ", ".join(spans) or "none"])
    return rows


def _day(moment: Any) -> str:
    return f"{moment:%Y-%m-%d}" if moment == moment.normalize() else f"{moment:%Y-%m-%d %H:%M}"


@dataclass(frozen=True)
class OneSided:
    """Categories of a column that occur only in training or only in the test set.

    Attributes:
        train, test: those of the training and of the test rows, with the count of their rows.
        every: whether every test row with a value has one of them.
        known: all categories of training.
    """

    name: str
    train: dict[str, int]
    test: dict[str, int]
    every: bool
    known: tuple[str, ...]


def one_sided_categories(contest: Contest) -> list[OneSided]:
    """Categorical columns with categories that occur in one part only."""
    found = []
    for name in contest.roles.categorical:
        train, test = Categories.of(contest.train[name]), Categories.of(contest.test[name])
        known = train.names()
        unseen = np.isnan(test.among(known)) & ~test.missing
        missed = np.isnan(train.among(test.names())) & ~train.missing
        if unseen.any() or missed.any():
            every = bool(unseen.any()) and int(unseen.sum()) == int((~test.missing).sum())
            found.append(OneSided(name, _counts(train, missed), _counts(test, unseen), every, known))
    return found


def _counts(column: Categories, mask: NDArray[np.bool_]) -> dict[str, int]:
    places, counts = np.unique(column.places[mask], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {as_text(column.values[places[place]]): int(counts[place]) for place in order}


def category_facts(columns: Sequence[OneSided]) -> list[list[str]]:
    """Table rows listing categories that occur in one part only."""
    rows = []
    for label, part in (("only in the test set", "test"), ("only in training", "train")):
        told = [
            f"{one.name}: {some((f'{_name(value)} {count:,}' for value, count in getattr(one, part).items()), 3)}"
            for one in columns
            if getattr(one, part)
        ]
        if told:
            rows.append([label, "; ".join(told[:MANY]) + (f"; {len(told) - MANY} more" if len(told) > MANY else "")])
    return rows


def category_alarms(columns: Sequence[OneSided]) -> list[str]:
    """Warnings for columns whose test categories are all unseen in training."""
    return [
        f"{one.name}: every test row has a category that no training row has (training: "
        f"{some(map(_name, one.known), 3)}; test: {some(map(_name, one.test), 3)}): models learn nothing from it that "
        f"helps there; {_remedy(one)}"
        for one in columns
        if one.every
    ]


def _remedy(column: OneSided) -> str:
    name = in_yaml(column.name)
    if all(_DATE.match(value) for value in (*column.known, *column.test)):
        return f"if it has dates, say so: `columns: {{dates: {name}}}`"
    return f"write both tables alike, or leave it out: `columns: {{ignore: [{name}]}}`"


_DATE = re.compile(r"\d{1,4}([-./])\d{1,2}\1\d{1,4}(?!\S)")


def _name(value: Any) -> str:
    """A class as text, quoted if it has leading or trailing blanks."""
    text = str(value)
    return shorten(text, LONGEST_NAME) if text and text == text.strip() else quoted(text, LONGEST_NAME)


def submission_form(contest: Contest) -> Form | None:
    """Submission form of a single-target competition; None for several targets or an unknown form."""
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
    """Submission cell for each class; None if it is the class itself."""
    form = submission_form(contest)
    if form is None or contest.classes is None:
        return None
    return written_labels(form, contest.sample, contest.classes, contest.written)


def submission_meaning(contest: Contest) -> str | None:
    """Meaning of the single column of a binary submission, and how to select the other class.

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
        reason = f"a guess; for the other class: `positive: {in_yaml(other)}`"
    return f"{form.columns[0]}: {said} ({reason})"


def submission_doubts(contest: Contest) -> list[str]:
    """Warnings about the meaning of the submission."""
    form = submission_form(contest)
    if form is None or contest.classes is None:
        return []
    return doubts(form, contest.classes, contest.metric)


def submission_facts(contest: Contest, outputs: pd.DataFrame, thresholds: Any) -> list[str]:
    """Assumptions made in a submission: the class of a probability, and tags of rows below all thresholds.

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
    """Share of training rows without a label; None unless the task is multilabel."""
    return float((contest.y.sum(axis=1) == 0).mean()) if contest.task == "multilabel" else None
