"""A last look at the file before a submission is spent on it: everything that is wrong, at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from outfold.data.loading.sample_format import SampleFormat
from outfold.errors import SubmissionError, some
from outfold.metrics import Metric, Task
from outfold.submission import contents
from outfold.submission.by_target import each_target, part_of
from outfold.submission.form import form_of


def check(
    frame: pd.DataFrame,
    sample: pd.DataFrame,
    *,
    task: Task,
    targets: Sequence[str],
    classes: Sequence[Any] | None,
    metric: Metric,
    id_column: str | None = None,
    tag_separator: str = " ",
    written: Sequence[Any] | None = None,
    positive_is_said: bool = False,
    file_format: SampleFormat | None = None,
    untagged: float | None = None,
) -> list[str]:
    """Refuse a submission that the host would refuse, or that would waste a try.

    Args:
        frame: the submission, after the user's post-processing.
        task, targets, classes, metric, id_column, tag_separator, written, positive_is_said: as for
            :func:`outfold.submission.build`.
        sample: the sample submission as a plain table.
        file_format: how the sample submission writes a plain table; None: as such.
        untagged: the share of training rows without a tag.

    Returns:
        what looks odd and may still be meant, in plain words.

    Raises:
        SubmissionError: all problems in one message: columns, ids, order, missing or infinite values, probabilities
            outside [0, 1] or that don't sum to 1, labels that are none, the same prediction in every row.
    """
    if file_format is not None and not file_format.is_plain:
        frame = _plain(frame, file_format)
    if metric.subtasks:
        return _several(frame, sample, metric, id_column, tag_separator)
    form = form_of(
        sample,
        task=task,
        targets=targets,
        classes=classes,
        metric=metric,
        id_column=id_column,
        positive_is_said=positive_is_said,
    )
    problems = _columns(frame, sample)
    if not problems:
        labels = classes if written is None or form.kind not in ("label", "ranking") else written
        names = [str(name) for name in (targets if labels is None else labels)]
        problems = _ids(frame, sample, form.id_column) + contents.faults(
            frame, form, names, task, metric, tag_separator
        )
        problems += [] if problems else contents.constant(frame, form)
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise SubmissionError(f"the submission must not be sent:{listed}")
    warnings = contents.oddities(frame, form, task)
    return warnings if untagged is None else warnings + contents.empty_tags(frame, form, untagged)


def _plain(frame: pd.DataFrame, file_format: SampleFormat) -> pd.DataFrame:
    """The submission as a plain table, if its columns, its ids and what is copied are those of the sample.

    Raises:
        SubmissionError: they are not.
    """
    sample = file_format.sample
    keys = list(file_format.copied)
    if file_format.long is not None and file_format.long.label_column is not None:
        keys.append(file_format.long.label_column)
    problems = _columns(frame, sample) or _ids(
        file_format.with_ids(frame), file_format.with_ids(sample), file_format.id_column
    )
    for name in [] if problems else keys:
        changed = np.flatnonzero(frame[name].astype(str).to_numpy() != sample[name].astype(str).to_numpy())
        if len(changed):
            problems.append(f"{name} differs from the sample in {len(changed)} rows, from row {changed[0] + 1} on")
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise SubmissionError(f"the submission must not be sent:{listed}")
    return file_format.plain(frame)


def _several(
    frame: pd.DataFrame, sample: pd.DataFrame, metric: Metric, id_column: str | None, tag_separator: str
) -> list[str]:
    """The same for each target by itself; all problems of all targets in one message."""
    wrong = _columns(frame, sample)
    problems, warnings = [f"\n  - {problem}" for problem in wrong], list[str]()
    for one, columns, asked in [] if wrong else each_target(sample, metric, id_column):
        parts = (part_of(table, columns, asked["id_column"]) for table in (frame, sample))
        try:
            told = check(*parts, **asked, tag_separator=tag_separator)
            warnings += [f"target {one.name}: {warning}" for warning in told]
        except SubmissionError as error:
            problems.append(f"\n  target {one.name}: {error.message}")
    if problems:
        raise SubmissionError(f"the submission must not be sent:{''.join(problems)}")
    return warnings


def _columns(frame: pd.DataFrame, sample: pd.DataFrame) -> list[str]:
    have, want = [str(name) for name in frame.columns], [str(name) for name in sample.columns]
    if have == want:
        return []
    absent, extra = [name for name in want if name not in have], [name for name in have if name not in want]
    told = [f"columns missing: {some(absent)}"] if absent else []
    told += [f"columns that the sample does not have: {some(extra)}"] if extra else []
    return told or [f"the columns are {some(have, 8)}; the sample's order is {some(want, 8)}"]


def _ids(frame: pd.DataFrame, sample: pd.DataFrame, id_column: str) -> list[str]:
    # as text, which is what the file holds: 892 and "892" are one id
    have, want = (pd.Index(table[id_column].astype(str)) for table in (frame, sample))
    if have.equals(want):
        return []
    problems = [] if len(have) == len(want) else [f"{len(have)} rows; the sample has {len(want)}"]
    absent, extra = want.difference(have, sort=False), have.difference(want, sort=False)
    twice = have[have.duplicated()].unique().difference(want[want.duplicated()])
    problems += [f"{len(absent)} ids missing: {some(absent)}"] if len(absent) else []
    problems += [f"{len(extra)} ids that the sample does not have: {some(extra)}"] if len(extra) else []
    problems += [f"{len(twice)} ids stand twice: {some(twice)}"] if len(twice) else []
    if not problems:
        row = int(np.flatnonzero(np.asarray(have != want))[0])
        problems = [f"the ids are in another order than the sample's, from row {row + 1} on ({have[row]})"]
    return problems
