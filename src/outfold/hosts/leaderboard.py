"""A leaderboard of one's own: score a submission file against a solution file, public and private part.

The file is turned back into the outputs that a metric scores, so that a rehearsal sees what the host would see: the
rounding, the labels, the order and the ids of the file, not the predictions that it was made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd

from outfold.config.competition import Task
from outfold.errors import DataError, SubmissionError, quoted, some
from outfold.hosts.host import Metric, Scoring
from outfold.hosts.solution_io import SENT, SOLUTION, Side, lacks_columns, read_both

USAGE = "Usage"
_PARTS = ("public", "private", "ignored")


@dataclass(frozen=True)
class Leaderboard:
    """The scores of a file, and how many rows each was computed on; None where the part has no rows."""

    public: float | None
    private: float | None
    public_rows: int
    private_rows: int
    ignored_rows: int


def score_submission(
    submission: pd.DataFrame,
    solution: pd.DataFrame,
    *,
    id_column: str,
    targets: Sequence[str],
    classes: Sequence[str],
    task: Task,
    metric: Metric,
    tag_separator: str = " ",
    column: str = "",
    positive: int = 1,
    codes: Mapping[Decimal | str, int] | None = None,
) -> Leaderboard:
    """Score ``submission`` on the Public and the Private rows of ``solution``; Ignored rows count for nothing.

    A solution without a Usage column is all Private. The truth is in the target columns, or in one column a class, or
    in the sample's single column; classes are compared as text, then as exact numbers, then as the sample writes them.
    The arguments are those of :class:`outfold.hosts.host.Scoring`.

    Raises:
        SubmissionError: the submission lacks rows or columns, repeats an id, or holds values that are no prediction.
        DataError: the solution repeats an id, lacks a row of the submission, or cannot be read as truth.
    """
    scoring = Scoring(id_column, targets, classes, task, metric, tag_separator, column, positive, codes or {})
    sent = _by_id(submission, id_column, SENT)
    truth = _by_id(_with_id_of(solution, id_column, sent.index), id_column, SOLUTION)
    unknown = sent.index.difference(truth.index)
    if len(unknown):
        raise DataError(
            f"the solution has no row for {len(unknown)} ids of the submission: {some(unknown)}",
            remedy="Give it one row for every id of the sample submission (Usage: Ignored for rows that do not count).",
        )
    missing = truth.index.difference(sent.index)
    if len(missing):
        raise SubmissionError(
            f"the submission must have {len(truth)} rows and has {len(sent)}; it lacks the ids {some(missing)}"
        )
    sent = sent.loc[truth.index]
    usage = _usage(truth)
    y, outputs = read_both(truth, sent, scoring)
    scores: dict[str, float | None] = {}
    rows = {}
    for part in _PARTS:
        mask = usage == part
        rows[part] = int(mask.sum())
        scores[part] = float(metric.score(y[mask], outputs[mask])) if rows[part] and part != "ignored" else None
    return Leaderboard(scores["public"], scores["private"], rows["public"], rows["private"], rows["ignored"])


def _with_id_of(solution: pd.DataFrame, id_column: str, sent: pd.Index) -> pd.DataFrame:
    """The solution with its ids under the sample's name, where only one of its columns holds those of the file."""
    if id_column in solution.columns:
        return solution
    wanted = set(sent)
    found = [name for name in solution.columns if len(solution) == len(wanted) and set(solution[name]) == wanted]
    return solution.rename(columns={found[0]: id_column}) if len(found) == 1 else solution


def _by_id(table: pd.DataFrame, id_column: str, side: Side) -> pd.DataFrame:
    if id_column not in table.columns:
        raise lacks_columns([id_column], table.columns, side)
    indexed = table.assign(**{id_column: table[id_column].astype(str)}).set_index(id_column)
    twice = indexed.index[indexed.index.duplicated()].unique()
    if len(twice):
        raise side.error(f"{side.what} has {len(twice)} ids more than once: {some(twice)}")
    if not len(indexed):
        raise side.error(f"{side.what} has no rows")
    return indexed


def _usage(truth: pd.DataFrame) -> np.ndarray:
    """Public, private or ignored for every row, in lower case."""
    if USAGE not in truth.columns:
        return np.full(len(truth), "private", dtype=object)
    usage = truth[USAGE].astype(str).str.strip().str.lower()
    strange = truth.index[~usage.isin(_PARTS)]
    if len(strange):
        row = strange[0]
        raise DataError(
            f"the solution's {USAGE} is {quoted(truth.at[row, USAGE])} in row {quoted(row)}; "
            "expected Public, Private or Ignored"
        )
    if (usage == "ignored").all():
        raise DataError("every row of the solution is Ignored: nothing can be scored")
    return usage.to_numpy(dtype=object)
