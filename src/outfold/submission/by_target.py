"""Several targets of several kinds in one file: each is built and checked as if it were alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from outfold.errors import SubmissionError
from outfold.metrics import Metric, Subtask, columns_by_target
from outfold.submission.labels import spelled_labels


def each_target(
    sample: pd.DataFrame, metric: Metric, id_column: str | None
) -> Iterator[tuple[Subtask, Mapping[str, str], dict[str, Any]]]:
    """Each target of a contest of several that the sample has columns of: these, and what it asks.

    Returns:
        The target; from its columns in the sample to their names if it were alone; and the keywords by which
        :func:`outfold.submission.build` and :func:`outfold.submission.check` know a contest of this target.

    Raises:
        SubmissionError: a column that belongs to no target, or a target without columns.
    """
    every = [str(name) for name in sample.columns]
    ids = every[0] if id_column is None else id_column
    columns = [name for name in every if name != ids]
    found = columns_by_target(metric.subtasks, columns, "the sample submission", SubmissionError)
    for one in (one for one in metric.subtasks if one.name in found):
        asked = {
            "task": one.task,
            "targets": [one.name],
            "classes": None if one.classes is None else list(one.classes),
            "written": spelled_labels([sample[name] for name in found[one.name]], one.classes or (), one.written),
            "positive_is_said": one.positive_is_said,
            "metric": one.metric,
            "id_column": ids,
        }
        yield one, found[one.name], asked


def part_of(table: pd.DataFrame, columns: Mapping[str, str], id_column: str) -> pd.DataFrame:
    """The ids and a target's columns, by the names that they would have if it were alone."""
    return table[[id_column, *columns]].rename(columns=dict(columns))


def own_outputs(outputs: pd.DataFrame, one: Subtask) -> pd.DataFrame:
    """A target's outputs, named as if it were alone."""
    mine = outputs.iloc[:, one.outputs]
    single = one.classes is None or one.task == "binary"
    return mine.set_axis([one.name] if single else [str(value) for value in one.classes or ()], axis=1)
