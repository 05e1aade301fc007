"""From a model's outputs to the submission: the sample's ids, the sample's order, the sample's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from outfold.data.loading.sample_format import SampleFormat
from outfold.data.targets.tag_lists import TagList
from outfold.errors import SubmissionError, some
from outfold.metrics import PER_CLASS, Metric, Task, expected_class, to_labels
from outfold.submission.by_target import each_target, own_outputs, part_of
from outfold.submission.form import Form, form_of

ROUNDING = 1e-6


def build(
    sample: pd.DataFrame,
    outputs: pd.DataFrame,
    *,
    task: Task,
    targets: Sequence[str],
    classes: Sequence[Any] | None,
    metric: Metric,
    id_column: str | None = None,
    thresholds: Sequence[float] | float | Mapping[str, Any] | None = None,
    span: tuple[float, float] | Mapping[str, Any] | None = None,
    clip: float | None = None,
    tag_separator: str = " ",
    written: Sequence[Any] | None = None,
    positive_is_said: bool = False,
    file_format: SampleFormat | None = None,
    untagged: float | None = None,
    tag_list: TagList | None = None,
) -> pd.DataFrame:
    """The submission in the form that the sample asks for (see :class:`outfold.submission.Form`).

    Args:
        sample: the sample submission as a plain table; its ids, their order, and its columns are the law.
        outputs: indexed by id; binary: one column, P(positive); otherwise one column each for ``classes`` (by name, as
            text), or for ``targets``.
        task: of the contest.
        targets: the target columns.
        classes: [negative, positive], the classes, or the labels, as they are to be written; None for regression.
        metric: of the contest.
        id_column: None: the sample's first column.
        thresholds: for metrics on labels; one number, or one per output in the order of ``classes``; cut points for
            ratings. Of a multitask contest: these by target.
        span: the lowest and highest rating of the truth; needed for ratings, which cut points alone do not tell. Of a
            multitask contest: by target.
        clip: probabilities are brought into [clip, 1 - clip], and rows that summed to 1 made to do so again.
        tag_separator: between the labels of one cell.
        written: what stands in a cell for each of the classes, where that is another text than the class itself: see
            :func:`outfold.submission.labels.written_labels`.
        positive_is_said: as for :func:`outfold.submission.form_of`.
        file_format: how the sample submission writes a plain table; None: as such.
        untagged: the share of training rows without a tag; where it is 0, a row without any gets its likeliest one.
        tag_list: how the training table writes lists of tags; taken where the sample has lists in such brackets, too.

    Returns:
        a new frame: ids as in the sample; probabilities and values float32 (values of the type of
        their output), 0/1 and ratings int64, labels as in ``written`` or
        ``classes``, tags and rankings text.

    Raises:
        SubmissionError: the sample's columns fit no form, an id has no output, or an output is not finite.
        ValueError: ratings without a span.
    """
    if metric.subtasks:
        table = _several(sample, outputs, metric, id_column, thresholds, span, clip, tag_separator)
        return table if file_format is None else file_format.written(table)
    assert not isinstance(thresholds, Mapping) and not isinstance(span, Mapping)
    form = form_of(
        sample,
        task=task,
        targets=targets,
        classes=classes,
        metric=metric,
        id_column=id_column,
        positive_is_said=positive_is_said,
    )
    names = [str(name) for name in (targets if classes is None else classes)]
    ids = pd.Index(sample[form.id_column])
    values = _values(outputs, ids, names, task)
    if form.kind == "rating" and span is None:
        raise ValueError("ratings need a span: the lowest and highest rating of the truth")
    if form.kind == "values":
        values = np.maximum(values, 0.0) if metric.name == "rmsle" else values  # as the metric does
    elif form.kind != "rating":
        values = _probabilities(values, task, clip if metric.wants == "probabilities" else None)
    labels = list(classes or ()) if written is None else list(written)
    types = {str(name): dtype for name, dtype in outputs.dtypes.items()}
    lists = form.tag_list
    if lists is not None and tag_list is not None and lists.brackets == tag_list.brackets:
        lists = tag_list
    float64 = [types.get(name, outputs.dtypes.iloc[0]) == np.float64 for name in names]
    columns = _columns(
        form, values, names, task, labels, metric, thresholds, span, tag_separator, float64, untagged == 0, lists
    )
    columns[form.id_column] = sample[form.id_column].to_numpy()
    table = pd.DataFrame({name: columns[name] for name in map(str, sample.columns)})
    return table if file_format is None else file_format.written(table)


def _several(
    sample: pd.DataFrame,
    outputs: pd.DataFrame,
    metric: Metric,
    id_column: str | None,
    thresholds: Any,
    span: Any,
    clip: float | None,
    tag_separator: str,
) -> pd.DataFrame:
    """The columns of each target, built by themselves, in the sample's order."""
    filled: dict[str, Any] = {}
    for one, columns, asked in each_target(sample, metric, id_column):
        alone = build(
            part_of(sample, columns, asked["id_column"]),
            own_outputs(outputs, one),
            **asked,
            thresholds=(thresholds or {}).get(one.name),
            span=(span or {}).get(one.name),
            clip=clip,
            tag_separator=tag_separator,
        )
        filled |= {column: alone[name].array for column, name in columns.items()}
    return pd.DataFrame({str(name): filled.get(str(name), sample[name].array) for name in sample.columns})


def _values(outputs: pd.DataFrame, ids: pd.Index, names: list[str], task: Task) -> np.ndarray:
    """Outputs (n, outputs) float64 in the order of ids and names."""
    if not outputs.index.is_unique:
        twice = outputs.index[outputs.index.duplicated()].unique()
        raise SubmissionError(f"{len(twice)} ids have several predictions: {some(twice)}")
    absent = ids.difference(outputs.index, sort=False)
    if len(absent):
        raise SubmissionError(
            f"{len(absent)} of {len(ids)} ids of the sample submission have no prediction: {some(absent)}",
            remedy="Run `outfold predict`; if the test set was replaced, `outfold download` before it.",
        )
    if task == "binary" or (task == "regression" and len(names) == 1):
        if outputs.shape[1] != 1:
            raise SubmissionError(f"a {task} prediction has one output, here are {some(outputs.columns)}")
        chosen = outputs
    else:
        given = [str(name) for name in outputs.columns]
        if sorted(given) != sorted(names):
            odd = [*(name for name in names if name not in given), *(name for name in given if name not in names)]
            raise SubmissionError(f"the outputs do not match the {task} target: {some(odd)} on one side only")
        chosen = outputs.set_axis(given, axis=1)[names]
    values = chosen.reindex(ids).to_numpy(dtype=np.float64)
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise SubmissionError(
            f"{int(bad.sum())} predictions are missing or infinite: {some(ids[bad])}",
            remedy="A model that leaves NaN has diverged: lower its learning rate.",
        )
    return values


def _probabilities(values: np.ndarray, task: Task, clip: float | None) -> np.ndarray:
    """Probabilities without the last digit's overshoot (1.0000001), clipped where asked for."""
    inside = np.clip(values, 0.0, 1.0)
    values = np.where(np.abs(values - inside) <= ROUNDING, inside, values)
    if clip:
        values = np.clip(values, clip, 1.0 - clip)
        if task in PER_CLASS:
            values = values / values.sum(axis=1, keepdims=True)
    return values


def _columns(
    form: Form,
    values: np.ndarray,
    names: list[str],
    task: Task,
    classes: list[Any],
    metric: Metric,
    thresholds: Sequence[float] | float | None,
    span: tuple[float, float] | None,
    tag_separator: str,
    float64: Sequence[bool],
    always_tagged: bool,
    tag_list: TagList | None,
) -> dict[str, Any]:
    """The sample's columns by name."""
    only = form.columns[0]
    if form.kind == "pair":
        positive = values[:, 0].astype(np.float32)
        return {names[0]: np.float32(1.0) - positive, names[1]: positive}
    if form.kind == "expected":
        mean = np.interp(expected_class(values), np.arange(len(classes)), np.asarray(classes, dtype=np.float64))
        return {only: mean.astype(np.float32)}
    if form.kind == "ranking":
        return {only: _rankings(values, [str(value) for value in classes], form.best)}
    if form.kind in ("values", "rating") and len(names) == 1:
        names = [only]
    if form.kind in ("label", "rating", "tags") or (task == "multilabel" and metric.wants == "labels"):
        labels = to_labels(values, task=task, thresholds=thresholds, span=span)
        if form.kind == "label":
            chosen = np.empty(len(classes), dtype=object)
            chosen[:] = classes
            return {only: pd.Series(chosen[labels.reshape(len(values))]).infer_objects().array}
        if form.kind == "tags":
            array = np.array(names, dtype=object)
            if always_tagged:
                bare = labels.sum(axis=1) == 0
                labels[bare, values[bare].argmax(axis=1)] = 1
            write = tag_separator.join if tag_list is None else tag_list.write
            return {only: [write(array[row == 1]) for row in labels]}
        return dict(zip(names, labels.astype(np.int64).T, strict=True))
    if form.kind == "probability":
        positive = values.astype(np.float32)[:, 0]
        return {only: np.float32(1.0) - positive if form.binary is not None and not form.binary.positive else positive}
    types = float64 if form.kind == "values" else [False] * len(names)
    return {
        name: column if kept else column.astype(np.float32)
        for name, column, kept in zip(names, values.T, types, strict=True)
    }


def _rankings(values: np.ndarray, names: list[str], best: int) -> list[str]:
    """The ``best`` classes of each row, best first, of equals the first."""
    blank = [name for name in names if " " in name]
    if blank:
        raise SubmissionError(
            f"classes with a blank in their name cannot stand in a ranking: {some(blank)}",
            remedy="Rename them in the training table (the contest's page says what stands for the blank).",
        )
    array = np.array(names, dtype=object)
    order = np.argsort(-values, axis=1, kind="stable")[:, :best]
    return [" ".join(array[row]) for row in order]
