"""A submission file and a solution file, read back as the arrays that a metric scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.cell_values import cell_key, exact_number
from outfold.data.targets.tag_lists import cell_tags
from outfold.data.targets.values import flag
from outfold.errors import DataError, SubmissionError, nearest, quoted, some
from outfold.hosts.host import Scoring
from outfold.metrics import Metric, Subtask, columns_by_target


class Side(NamedTuple):
    """Which of the two files is at fault, for a message."""

    what: str
    error: type[DataError] | type[SubmissionError]


SOLUTION = Side("the solution", DataError)
SENT = Side("the submission", SubmissionError)


def read_truth(truth: pd.DataFrame, scoring: Scoring) -> np.ndarray:
    """The truth as a metric wants it: codes (n,), 0/1 (n,), tags (n, k) int8, or float64 values (n,) or (n, k).

    Raises:
        DataError: a column is missing, or a value is no class, no number or no 0/1.
    """
    classes = [str(name) for name in scoring.classes]
    targets = list(scoring.targets)
    if len(targets) == 1 and targets[0] not in truth.columns and scoring.column in truth.columns:
        # the solution has the form of the sample
        truth = truth.rename(columns={scoring.column: targets[0]})
    if scoring.task == "regression":
        values = _numbers(_columns(truth, targets, SOLUTION), SOLUTION)
        return values[:, 0] if len(targets) == 1 else values
    if scoring.task == "multilabel":
        if len(targets) == 1 and targets[0] in truth.columns and targets != classes:
            return _tags(truth[targets[0]], classes, scoring.tag_separator, SOLUTION)
        return _zeros_and_ones(_columns(truth, classes, SOLUTION))
    if targets[0] in truth.columns:
        codes = _codes(truth[targets[0]], classes, scoring.codes)
        lost = truth.index[codes < 0]
        if len(lost):
            raise DataError(
                f"the solution's {targets[0]} is {quoted(truth.at[lost[0], targets[0]])} in row {quoted(lost[0])}, "
                f"which is not among the classes {some(classes)}"
            )
        return codes
    if not set(classes) <= set(truth.columns):
        _columns(truth, targets, SOLUTION)
    hot = _zeros_and_ones(_columns(truth, classes, SOLUTION))
    unclear = truth.index[hot.sum(axis=1) != 1]
    if len(unclear):
        raise DataError(f"the solution must have exactly one class in a row; not so in row {some(unclear)}")
    return hot.argmax(axis=1)


def read_outputs(sent: pd.DataFrame, scoring: Scoring) -> np.ndarray:
    """What the file predicts, as the outputs (n, k) float64 that a metric scores.

    One column a class holds probabilities; one column of labels is one-hot; one column of tags is multi-hot; several
    labels in one cell are a ranking, best first, worth 1, 1/2, 1/3 ...; a number for a binary target is P(positive).

    Raises:
        SubmissionError: a column is missing, or a value is no prediction.
    """
    classes = [str(name) for name in scoring.classes]
    targets = list(scoring.targets)
    if len(sent.columns) == 1 and len(targets) == 1:
        # many samples call their one column otherwise than train.csv does: "probability", "prediction"
        sent = sent.set_axis(targets, axis="columns")
    if scoring.task == "regression":
        return _numbers(_columns(sent, targets, SENT), SENT)
    if scoring.task != "binary" and set(classes) <= set(sent.columns):
        return _numbers(sent[classes], SENT)
    if scoring.task == "binary" and targets[0] not in sent.columns and set(classes) <= set(sent.columns):
        both = _numbers(sent[classes], SENT)
        return both[:, 1:] / np.maximum(both.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    column = _columns(sent, targets[:1], SENT)[targets[0]]
    if scoring.task == "multilabel":
        hot = _tags(column, classes, scoring.tag_separator, SENT)
        return hot.astype(np.float64)
    if scoring.task == "binary":
        return _positive(column, classes, scoring)
    if scoring.task == "ordinal" and scoring.metric.wants == "values":
        return _between(column, classes)
    return _ranked(column, classes)


def lacks_columns(lacking: Sequence[str], known: Iterable[object], side: Side) -> DataError | SubmissionError:
    """The error for a table without some columns, with the nearest name that it has."""
    names = [str(column) for column in known]
    return side.error(
        f"{side.what} has no column {some(lacking)}; its columns are {some(names)}", remedy=nearest(lacking[0], names)
    )


def _columns(table: pd.DataFrame, names: Sequence[str], side: Side) -> pd.DataFrame:
    lacking = [name for name in names if name not in table.columns]
    if lacking:
        raise lacks_columns(lacking, [table.index.name, *table.columns], side)
    return table[list(names)]


def _numbers(table: pd.DataFrame, side: Side) -> np.ndarray:
    values = np.column_stack([pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64) for name in table])
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = (int(place) for place in bad[0])
        raise side.error(
            f"{side.what} has {quoted(table.iat[row, column])} in column {quoted(table.columns[column])}, "
            f"row {quoted(table.index[row])}, where a finite number was expected"
        )
    return values


def _zeros_and_ones(table: pd.DataFrame) -> np.ndarray:
    """The truth as 0 and 1 (n, k) int8, written as a training table may write it: as numbers, or True and False."""
    columns = [table[name].map({value: flag(value) for value in table[name].unique()}).fillna(-1) for name in table]
    flags = np.column_stack([column.to_numpy(np.int8) for column in columns])
    bad = np.argwhere(flags < 0)
    if len(bad):
        row, column = (int(place) for place in bad[0])
        raise DataError(
            f"the solution has {quoted(table.iat[row, column])} in column "
            f"{quoted(table.columns[column])}, row {quoted(table.index[row])}, where 0 or 1 was expected",
            remedy="Write 0 and 1, or True and False.",
        )
    return flags


def _codes(
    labels: pd.Series, classes: Sequence[str], others: Mapping[Decimal | str, int] | None = None
) -> NDArray[np.int64]:
    """The position of each label among the classes, -1 for what is none.

    Labels are compared as text; those that are no class as exact numbers (``1.0`` is the class ``1``), then as
    ``others`` has them.
    """
    known = {name: code for code, name in enumerate(classes)}
    numbers = [exact_number(name) for name in classes]
    amounts = {number: code for code, number in enumerate(numbers) if number is not None and numbers.count(number) == 1}

    def code_of(label: object) -> int:
        code = known.get(str(label))
        if code is None and (number := exact_number(label)) is not None:
            code = amounts.get(number)
        return (others or {}).get(cell_key(label), -1) if code is None else code

    codes, cells = pd.factorize(labels.astype(object))
    return np.append([code_of(cell) for cell in cells], -1)[codes].astype(np.int64)


def _amount(value: object) -> float | None:
    number = exact_number(value)
    return None if number is None else float(number)


def _tags(column: pd.Series, classes: Sequence[str], separator: str, side: Side) -> np.ndarray:
    known = {name: code for code, name in enumerate(classes)}
    hot = np.zeros((len(column), len(classes)), dtype=np.int8)
    for row, cell in enumerate(column):
        for tag in [] if pd.isna(cell) else cell_tags(str(cell), separator, known):
            if tag not in known:
                raise side.error(
                    f"{side.what} has the tag {quoted(tag)} in row {quoted(column.index[row])}, "
                    f"which is not among {some(classes)}",
                    remedy=nearest(tag, classes),
                )
            hot[row, known[tag]] = 1
    return hot


def _positive(column: pd.Series, classes: Sequence[str], scoring: Scoring) -> np.ndarray:
    """P(positive) (n, 1): labels become 0 and 1, numbers stay what they are, or speak of the other class."""
    codes = _codes(column, classes, scoring.codes)
    labels = scoring.metric.wants == "labels"
    if (codes >= 0).all() and (labels or (scoring.positive and {exact_number(name) for name in classes} == {0, 1})):
        return codes[:, None].astype(np.float64)
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    if np.isfinite(numbers).all():
        return (numbers if scoring.positive else 1.0 - numbers)[:, None]
    if (codes >= 0).all():
        return codes[:, None].astype(np.float64)
    row = column.index[~np.isfinite(numbers) & (codes < 0)][0]
    raise SubmissionError(
        f"the submission has {quoted(column[row])} in column {quoted(column.name)}, row {quoted(row)}, "
        f"where a probability or one of {some(classes)} was expected"
    )


def _between(column: pd.Series, classes: Sequence[str]) -> np.ndarray:
    """A number between ordered classes, as probabilities of the two beside it with that mean."""
    amounts = [_amount(name) for name in classes]
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    bad = ~np.isfinite(numbers)
    if None in amounts or bad.any():
        row = column.index[bad][0] if bad.any() else column.index[0]
        raise SubmissionError(
            f"the submission has {quoted(column[row])} in column {quoted(column.name)}, row {quoted(row)}, "
            f"where a number from {classes[0]} to {classes[-1]} was expected"
        )
    place = np.interp(numbers, np.array(amounts, dtype=np.float64), np.arange(len(classes)))
    lower = np.minimum(place.astype(np.int64), len(classes) - 2)
    outputs = np.zeros((len(column), len(classes)))
    rows = np.arange(len(column))
    outputs[rows, lower + 1] = place - lower
    outputs[rows, lower] = 1.0 - (place - lower)
    return outputs


def _ranked(column: pd.Series, classes: Sequence[str]) -> np.ndarray:
    """One label in a cell: one-hot. Several labels with blanks between: 1, 1/2, 1/3 ... by rank."""
    codes = _codes(column, classes)
    outputs = np.zeros((len(column), len(classes)))
    outputs[codes >= 0, codes[codes >= 0]] = 1.0
    for row in np.flatnonzero(codes < 0).tolist():
        ranking = _codes(pd.Series(str(column.iloc[row]).split(), dtype=object), classes)
        if not len(ranking) or (ranking < 0).any():
            raise SubmissionError(
                f"the submission has {quoted(column.iloc[row])} in column {quoted(column.name)}, "
                f"row {quoted(column.index[row])}, "
                f"which is not among the classes {some(classes)}"
            )
        # a label that is repeated keeps its best rank
        for rank, code in reversed(list(enumerate(ranking, start=1))):
            outputs[row, code] = 1.0 / rank
    return outputs


def read_both(truth: pd.DataFrame, sent: pd.DataFrame, scoring: Scoring) -> tuple[np.ndarray, np.ndarray]:
    """The truth and what the submission predicts, as ``scoring.metric`` takes them.

    Of several targets each is read by itself, and they stand side by side; zeros stand for what is not scored.

    Raises:
        DataError: the solution lacks a target, or holds what is none of its values.
        SubmissionError: the submission lacks a target, or holds what is no prediction of it.
    """
    subtasks = scoring.metric.subtasks if isinstance(scoring.metric, Metric) else ()
    if not subtasks:
        return read_truth(truth, scoring), read_outputs(sent, scoring)
    found = columns_by_target(subtasks, [str(name) for name in sent.columns], "the submission", SubmissionError)
    y, outputs = (np.zeros((len(truth), getattr(subtasks[-1], part).stop)) for part in ("truth", "outputs"))
    for one in (one for one in subtasks if one.weight):
        asked = _alone(scoring, one)
        y[:, one.truth] = read_truth(truth, asked).reshape(len(truth), -1)
        outputs[:, one.outputs] = read_outputs(sent[list(found[one.name])].rename(columns=found[one.name]), asked)
    return y, outputs


def _alone(scoring: Scoring, one: Subtask) -> Scoring:
    classes = [str(value) for value in one.classes or ()]
    return Scoring(scoring.id_column, [one.name], classes, one.task, one.metric, scoring.tag_separator)
