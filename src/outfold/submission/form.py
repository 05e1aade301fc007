"""What the columns of a sample submission ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from outfold.data.targets.tag_lists import TagList, list_form
from outfold.errors import SubmissionError, nearest, quoted, some
from outfold.metrics import PER_CLASS, Metric, Task
from outfold.submission.binary_column import BinaryColumn, binary_column

Kind = Literal["columns", "pair", "probability", "label", "rating", "ranking", "tags", "values", "expected"]


@dataclass(frozen=True)
class Form:
    """The form of a submission file.

    Attributes:
        kind: ``columns``: one column a class or label; ``pair``: both classes of a binary target; ``probability``: one
            column, P(positive); ``label``: one class a row; ``rating``: a number turned into a whole rating;
            ``ranking``: the best classes, best first; ``tags``: the labels that apply; ``values``: numbers as they are;
            ``expected``: the mean of an ordinal target's classes, which are numbers.
        id_column: the column of ids.
        columns: the other columns, as they stand in the sample.
        best: of a ranking: how many classes a row may name.
        binary: of a binary target's single column: which class it speaks of.
        tag_list: of tags: how the sample writes lists; None where it has words between separators.
    """

    kind: Kind
    id_column: str
    columns: list[str]
    best: int = 0
    binary: BinaryColumn | None = None
    tag_list: TagList | None = None


def form_of(
    sample: pd.DataFrame,
    *,
    task: Task,
    targets: Sequence[str],
    classes: Sequence[Any] | None,
    metric: Metric,
    id_column: str | None = None,
    positive_is_said: bool = False,
) -> Form:
    """Tell the form from the sample's columns, the task, and what the metric is computed from.

    Args:
        sample: the sample submission as read.
        task: of the contest.
        targets: the target columns.
        classes: [negative, positive], the classes, or the labels; None for regression.
        metric: of the contest: whether one column holds a label, a probability or a ranking.
        id_column: None: the first column.
        positive_is_said: whether the contest file says which of two classes is positive; otherwise the name of a single
            column may.

    Raises:
        SubmissionError: the columns fit no form of this task, naming them and what was expected.
    """
    every = [str(name) for name in sample.columns]
    id_column = every[0] if id_column is None and every else id_column
    if id_column is None or id_column not in every:
        raise SubmissionError(
            f"the sample submission has no id column {quoted(id_column)}; its columns are {some(every, 8)}",
            remedy=nearest(str(id_column), every) or "Name the id column in competition.yaml: `id: <column>`.",
        )
    columns = [name for name in every if name != id_column]
    names = [str(name) for name in (targets if classes is None else classes)]
    numbers = all(isinstance(value, int | float) for value in classes or ())
    kind = _kind(columns, names, task, metric, numbers)
    if kind is None:
        raise _no_form(columns, names, task, metric)
    binary = None
    if task == "binary" and len(columns) == 1 and classes is not None:
        binary = binary_column(columns[0], sample[columns[0]], classes, positive_is_said=positive_is_said)
    best = int(metric.name.partition("@")[2]) if kind == "ranking" else 0
    return Form(kind, id_column, columns, best, binary, _tag_list(sample[columns[0]]) if kind == "tags" else None)


def _tag_list(cells: pd.Series) -> TagList | None:
    try:
        return list_form(cells.dropna().astype(str).unique())
    except ValueError:
        return None


def _kind(columns: list[str], names: list[str], task: Task, metric: Metric, numbers: bool) -> Kind | None:
    one, exact = len(columns) == 1, sorted(columns) == sorted(names)
    ranked = metric.name.partition("@")[0] in ("map", "top_k") and "@" in metric.name
    if task == "regression":
        if one and len(names) == 1:
            return "rating" if metric.wants == "labels" else "values"
        return ("rating" if metric.wants == "labels" else "values") if exact else None
    if task == "binary":
        if one:
            return "label" if metric.wants == "labels" else "probability"
        return "pair" if exact else None
    if exact:
        return "columns"
    if not one:
        return None
    if ranked:
        return "ranking"
    if task == "multilabel":
        return "tags"
    if task == "ordinal" and metric.wants == "values" and numbers:
        return "expected"
    return "label" if metric.wants == "labels" else None


def _no_form(columns: list[str], names: list[str], task: Task, metric: Metric) -> SubmissionError:
    expected = {
        "binary": f"one column, or one each for {some(names)}",
        "multiclass": f"one column, or {len(names)} columns named after the classes ({some(names)})",
        "ordinal": f"one column, or {len(names)} columns named after the classes ({some(names)})",
        "multilabel": f"one column of tags, or {len(names)} columns named after the labels ({some(names)})",
        "regression": f"the columns {some(names)}",
    }[task]
    if len(columns) == 1 and task in PER_CLASS:
        of = "the mean of classes that are no numbers" if metric.wants == "values" else "a probability for each"
        return SubmissionError(
            f"the sample submission has one column, {columns[0]}, and {metric.name} is computed from {of} of "
            f"{len(names)} classes",
            remedy="One class a row needs a metric on labels (accuracy, f1_macro, a hook with `wants = 'labels'`), a "
            "ranking needs map@k.",
        )
    absent = [name for name in names if name not in columns]
    told = f"; it lacks {some(absent)}" if absent and len(absent) < len(names) else ""
    return SubmissionError(
        f"the sample submission has the columns {some(columns, 8)}; expected for a {task} target: {expected}{told}",
        remedy="Check `id`, `target` and `task` in competition.yaml against the sample submission.",
    )
