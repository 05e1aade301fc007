"""What models say of rows, as a person would: the class, how sure, and how wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from outfold.contest import Contest
from outfold.errors import DataError, nearest, quoted, some
from outfold.metrics import PER_CLASS


def question(contest: Contest, target: str | None) -> Contest:
    """The contest as one of its targets asks it.

    Args:
        target: its name; None is the one that rows are stratified by, and the only one where there is one.

    Raises:
        DataError: there is no such target.
    """
    if target is None:
        return contest.leading
    for one in contest.questions:
        if one.targets == [target]:
            return one
    hint = nearest(target, contest.targets) or f"the targets are {some(contest.targets)}"
    raise DataError(f"there is no target {quoted(target)} that is asked by itself; {hint}")


def said_and_true(contest: Contest, outputs: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Which classes or labels a model says, and which are true: two of bool (n, classes).

    Args:
        contest: of one target, which has classes.
        outputs: (n, outputs); the likeliest class is said, and what is more likely than not.
    """
    assert contest.classes is not None
    if contest.task == "multilabel":
        return outputs > 0.5, y > 0
    codes = np.arange(len(contest.classes))
    said = outputs.argmax(axis=1) if contest.task in PER_CLASS else (outputs[:, 0] > 0.5).astype(int)
    return said[:, None] == codes, y[:, None] == codes


def row_losses(contest: Contest, outputs: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """How wrong each row is, (n,): its log loss, or its absolute error.

    Of several targets the mean, as their metrics weigh, errors of numbers being taken in standard deviations.
    """
    if contest.subtasks:
        total = np.zeros(len(outputs))
        for subtask, one in zip(contest.subtasks, contest.questions, strict=True):
            truth = subtask.truth_of(y)
            scale = max(float(one.y.std()), 1e-12) if one.task == "regression" else 1.0
            total += subtask.weight * row_losses(one, subtask.outputs_of(outputs), truth) / scale
        return total / sum(subtask.weight for subtask in contest.subtasks)
    if contest.task == "regression":
        return np.asarray(np.abs(outputs - y.reshape(outputs.shape)).mean(axis=1))
    p = np.clip(outputs.astype(np.float64), 1e-7, 1 - 1e-7)
    if contest.task in PER_CLASS:
        return np.asarray(-np.log(p[np.arange(len(y)), y]))
    truth = y.reshape(outputs.shape)
    return np.asarray(-(truth * np.log(p) + (1 - truth) * np.log(1 - p)).mean(axis=1))


def guess(contest: Contest, outputs: NDArray[Any]) -> str:
    """What the outputs of one row say: ``cat (93%)``, ``31.2``, or both by target."""
    if contest.subtasks:
        pairs = zip(contest.subtasks, contest.questions, strict=True)
        return ", ".join(f"{subtask.name} {guess(one, subtask.outputs_of(outputs))}" for subtask, one in pairs)
    classes = contest.classes
    if classes is None:
        return ", ".join(f"{value:.4g}" for value in outputs)
    if contest.task == "multilabel":
        return " ".join(str(name) for name, p in zip(classes, outputs, strict=True) if p > 0.5)
    if contest.task == "binary":
        outputs = np.array([1 - outputs[0], outputs[0]])
    return f"{classes[int(outputs.argmax())]} ({outputs.max():.0%})"
