"""Files of a contest of several targets, read back as the arrays that its metric scores."""

from __future__ import annotations

import numpy as np
import pandas as pd

from outfold.errors import SubmissionError
from outfold.hosts.decode import read_outputs, read_truth
from outfold.hosts.host import Scoring
from outfold.metrics import Metric, Subtask, columns_by_target


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
