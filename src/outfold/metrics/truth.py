"""The truth and the outputs of a model, checked against each other before anything is computed from them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outfold.errors import DataError, quoted

Task = Literal["binary", "multiclass", "ordinal", "multilabel", "regression", "multitask"]

TASKS: tuple[Task, ...] = ("binary", "multiclass", "ordinal", "multilabel", "regression")
"""Those of one target; ``multitask`` is several of them."""

PER_CLASS: tuple[Task, ...] = ("multiclass", "ordinal")
"""A row is of one class, and each class has an output: its probability, of sum 1 over the row."""


def infer_task(y: ArrayLike, outputs: ArrayLike, tasks: tuple[Task, ...]) -> Task:
    """The task, among those that a metric is defined for, that the truth and the outputs are shaped like.

    Two-dimensional truth is multilabel if it holds integers and regression if it holds floats. One-dimensional truth
    is multiclass beside several outputs; beside one output it is binary if it holds integers up to 1, else regression.
    """
    truth, width = np.asarray(y), np.asarray(outputs).shape[-1] if np.ndim(outputs) == 2 else 1
    whole = truth.dtype.kind in "iub"
    if truth.ndim == 2:
        likely: tuple[Task, ...] = ("multilabel", "regression") if whole else ("regression", "multilabel")
    elif width > 1:
        likely = ("multiclass",)
    elif whole and (truth.size == 0 or truth.max() <= 1):
        likely = ("binary", "regression")
    else:
        likely = ("regression", "binary")
    return next((task for task in likely if task in tasks), tasks[0])


def checked(y: ArrayLike, outputs: ArrayLike, task: Task, metric: str) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Truth and outputs in the one form that the metric functions know.

    Args:
        y: binary (n,) of 0 and 1; multiclass and ordinal (n,) codes; multilabel (n, k) of 0 and 1; regression (n,) or
            (n, k).
        outputs: (n, outputs); probabilities, or values for regression.
        task: what the contest asks.
        metric: its name, for the messages.

    Returns:
        The truth as int64 (multilabel: int8, regression: float64) and the outputs as float64. Where the truth is
        binary, or regression of one column, both are (n,); otherwise each keeps its shape.

    Raises:
        DataError: the shapes do not fit each other or the task; a value is missing, infinite, or none of the task's.
    """
    truth, predicted = _numeric(y, metric, "truth"), _numeric(outputs, metric, "outputs").astype(np.float64, copy=False)
    _check_shapes(truth, predicted, task, metric)
    for what, values in (("truth", truth), ("outputs", predicted)):
        _refuse_missing(values, metric, what)
    if task == "regression":
        truth = truth.astype(np.float64, copy=False).reshape(predicted.shape)
        return (truth[:, 0], predicted[:, 0]) if predicted.shape[1] == 1 else (truth, predicted)
    classes = predicted.shape[1] if task in PER_CLASS else 2
    strange = (truth < 0) | (truth >= classes)
    if truth.dtype.kind == "f":
        strange |= truth != np.floor(truth)
    if strange.any():
        rows = int(strange.sum() if strange.ndim == 1 else strange.any(axis=1).sum())
        expected = f"a class code from 0 to {classes - 1}" if task in PER_CLASS else "0 or 1"
        raise DataError(
            f"{metric}: the {task} truth of {rows} of {len(truth)} rows is not {expected} (first: {truth[strange][0]})",
            remedy="Check `task` and `target` in competition.yaml: classes are counted by the columns of the outputs.",
        )
    if task == "multilabel":
        return truth.astype(np.int8, copy=False), predicted
    return truth.astype(np.int64, copy=False), predicted[:, 0] if task == "binary" else predicted


def _numeric(values: ArrayLike, metric: str, what: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind == "O":
        strange = [value for value in array.flat if not isinstance(value, int | float | np.number)]
        if strange:
            raise DataError(
                f"{metric}: {len(strange)} values of the {what} are not numbers, such as {quoted(strange[0])}"
            )
        array = array.astype(np.float64)
    if array.dtype.kind == "b":
        array = array.astype(np.int8)
    if array.dtype.kind not in "iuf":
        raise DataError(f"{metric}: the {what} is of type {array.dtype}, expected numbers")
    return array


def _check_shapes(truth: NDArray[Any], predicted: NDArray[Any], task: Task, metric: str) -> None:
    n = len(truth) if truth.ndim else 0
    wide = predicted.shape[1] if predicted.ndim == 2 else 0
    if task == "multilabel":
        expected, fits = "(n, labels) and (n, labels)", truth.ndim == 2 and truth.shape == predicted.shape
    elif task in PER_CLASS:
        expected, fits = "(n,) and (n, classes)", truth.ndim == 1 and predicted.shape == (n, wide) and wide > 1
    elif task == "binary":
        expected, fits = "(n,) and (n, 1)", truth.ndim == 1 and predicted.shape == (n, 1)
    else:
        expected = "(n,) and (n, 1), or (n, values) and (n, values)"
        fits = truth.shape == predicted.shape if truth.ndim == 2 else predicted.shape == (n, 1)
    if not fits:
        raise DataError(
            f"{metric}: {task} truth of shape {truth.shape} beside outputs of shape {predicted.shape}, "
            f"expected {expected}"
        )
    if n == 0 or wide == 0:
        raise DataError(f"{metric}: there is nothing to score: truth and outputs have no rows")


def _refuse_missing(values: NDArray[Any], metric: str, what: str) -> None:
    if values.dtype.kind != "f":
        return
    finite = np.isfinite(values)
    if not finite.all():
        rows = int((~finite).sum() if finite.ndim == 1 else (~finite).any(axis=1).sum())
        raise DataError(
            f"{metric}: the {what} of {rows} of {len(values)} rows is missing or infinite, "
            "expected a number in every row",
            remedy="Every row that is scored needs a target value."
            if what == "truth"
            else "A model that leaves NaN has diverged or met a missing input: see its log.",
        )
