"""What the cells of a submission may hold, by its form."""

from __future__ import annotations

import numpy as np
import pandas as pd

from outfold.data.targets.tag_lists import cell_tags
from outfold.errors import quoted, some
from outfold.metrics import PER_CLASS, Metric, Task
from outfold.submission.form import Form

SUM_TOLERANCE = 1e-3
EMPTY_MORE = 0.05
"""So much greater may the share of rows without a tag be than in training."""
ENOUGH_ROWS = 10
"""From so many rows on, the same prediction in all of them is no accident."""


def faults(
    frame: pd.DataFrame, form: Form, names: list[str], task: Task, metric: Metric, tag_separator: str
) -> list[str]:
    """What is wrong with the values, by column, with the ids of the first rows; nothing where all is well."""
    ids = frame[form.id_column]
    missing = frame[form.columns].isna()
    if missing.to_numpy().any():
        return [
            f"{name}: {int(missing[name].sum())} values are missing: {some(ids[missing[name]])}"
            for name in form.columns
            if missing[name].any()
        ]
    if form.kind in ("label", "tags", "ranking"):
        return _words(frame[form.columns[0]], ids, form, names, tag_separator)
    text = [name for name in form.columns if not pd.api.types.is_numeric_dtype(frame[name])]
    if text:
        return [f"columns of numbers hold text: {some(text)}"]
    values = frame[form.columns].to_numpy(dtype=np.float64)
    found = []
    for bad, what in _bad_numbers(values, form, task, metric):
        if bad.any():
            rows, columns = np.unique(np.nonzero(bad)[0]), np.unique(np.nonzero(bad)[1])
            where = some(form.columns[column] for column in columns)
            found.append(f"{where}: {len(rows)} rows hold {what}: {some(ids.iloc[rows])}")
    if not found and _sums_to_one(form, task, metric):
        off = np.abs(values.sum(axis=1) - 1.0) > SUM_TOLERANCE
        if off.any():
            found.append(f"the probabilities of {int(off.sum())} rows do not sum to 1: {some(ids[off])}")
    return found


def _bad_numbers(values: np.ndarray, form: Form, task: Task, metric: Metric) -> list[tuple[np.ndarray, str]]:
    infinite = ~np.isfinite(values)
    bad = [(infinite, "infinite values")]
    if form.kind == "columns" and task == "multilabel" and metric.wants == "labels":
        bad.append((~infinite & (values != 0) & (values != 1), "neither 0 nor 1"))
    elif _sums_to_one(form, task, metric) or (
        form.kind in ("columns", "probability") and metric.wants == "probabilities"
    ):
        bad.append((~infinite & ((values < 0) | (values > 1)), "probabilities outside 0 to 1"))
    elif metric.name == "rmsle":
        bad.append((~infinite & (values < 0), "values below 0, of which rmsle has no logarithm"))
    return bad


def _sums_to_one(form: Form, task: Task, metric: Metric) -> bool:
    return form.kind == "pair" or (
        form.kind == "columns" and task in PER_CLASS and metric.wants in ("probabilities", "labels")
    )


def _words(column: pd.Series, ids: pd.Series, form: Form, names: list[str], tag_separator: str) -> list[str]:
    """Cells that name something which is no class, name it twice, or name too many."""
    known = set(names)
    strange: dict[str, int] = {}
    repeated, long = [], []
    for row, cell in zip(ids, column.astype(str), strict=True):
        words = [cell] if form.kind == "label" else cell_tags(cell, tag_separator, known)
        if form.kind == "ranking":
            words = cell.split()
        for word in words:
            if word not in known:
                strange[word] = strange.get(word, 0) + 1
        if len(set(words)) < len(words):
            repeated.append(row)
        if form.kind == "ranking" and not 0 < len(words) <= form.best:
            long.append(row)
    found = []
    if strange:
        told = some(f"{quoted(word)} ({count} rows)" for word, count in strange.items())
        found.append(f"{column.name}: not among the classes {some(names)}: {told}")
    if repeated:
        found.append(f"{column.name}: {len(repeated)} rows name a class twice: {some(repeated)}")
    if long:
        found.append(f"{column.name}: {len(long)} rows do not name 1 to {form.best} classes: {some(long)}")
    return found


def constant(frame: pd.DataFrame, form: Form) -> list[str]:
    """One problem where every row has the same prediction, as in the sample submission itself."""
    if len(frame) < ENOUGH_ROWS or len(frame[form.columns].drop_duplicates()) > 1:
        return []
    first = some((f"{name} = {frame[name].iloc[0]}" for name in form.columns), 3)
    return [
        f"all {len(frame)} rows have the same prediction ({first}): the model has learnt nothing. "
        "Look at its features with `outfold columns`, or send another pipeline"
    ]


def empty_tags(frame: pd.DataFrame, form: Form, usual: float) -> list[str]:
    """One warning where many more rows have no tag than is usual.

    Args:
        usual: the share of training rows without one.
    """
    if form.kind != "tags" or not len(frame):
        return []
    empty = frame[form.columns[0]].map(lambda cell: not cell_tags(str(cell), " "))
    if empty.mean() <= usual + EMPTY_MORE:
        return []
    rows = frame.loc[empty, form.id_column]
    return [
        f"{int(empty.sum())} of {len(frame)} rows have no tag ({empty.mean():.0%}; of the training rows {usual:.0%}): "
        f"{some(rows)}"
    ]


def oddities(frame: pd.DataFrame, form: Form, task: Task) -> list[str]:
    """What may be meant, and mostly is not: one class is the likeliest in every row, or a label never changes."""
    if form.kind not in ("columns", "pair") or len(frame) < ENOUGH_ROWS:
        return []
    if task == "multilabel":
        still = [name for name in form.columns if frame[name].nunique() == 1]
        return [f"the predictions of {some(still)} are the same in every row"] if still else []
    likeliest = frame[form.columns].to_numpy().argmax(axis=1)
    if (likeliest != likeliest[0]).any():
        return []
    return [f"in all {len(frame)} rows {form.columns[int(likeliest[0])]} is the likeliest class"]


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """UTF-8 CSV with a header, ``\\n`` at line ends and no index.

    A float32 is written with as few digits as bring it back exactly, so a file read back and written again is the same.
    """
    return frame.to_csv(index=False, lineterminator="\n").encode("utf-8")
