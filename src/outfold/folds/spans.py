"""Folds by a length of time: the latest 48 days, or several such stretches one after the other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.errors import ConfigError, quoted
from outfold.folds.table import NEVER_SCORED


def latest_spans(moments: pd.Series, span: str | float, n: int) -> NDArray[np.int64]:
    """The fold of each row: ``n`` stretches of equal length, the last of which ends with the latest row; (n,).

    A stretch is open at its beginning: of daily rows ``7D`` are seven days. Rows before the first are never scored.

    Args:
        moments: dates, or numbers that count time; none missing.
        span: the length of a stretch: ``48D`` for dates, a number for numbers.

    Raises:
        ConfigError: a length of the other sort, a stretch without a row, or no row before the first.
    """
    dates = pd.api.types.is_datetime64_any_dtype(moments)
    if isinstance(span, str) != dates:
        held, wanted = ("dates", "a length of time such as 48D") if dates else ("numbers", "a number")
        raise ConfigError(f"folds.span: {quoted(span)}: the column of folds.date holds {held}; expected {wanted}")
    length = pd.Timedelta(span) if isinstance(span, str) else span
    latest = moments.max()
    fold = np.full(len(moments), NEVER_SCORED, dtype=np.int64)
    for number in range(n):
        begins = latest - length * (n - number)
        fold[(moments > begins).to_numpy()] = number
    empty = [number for number in range(n) if not (fold == number).any()]
    if empty:
        raise ConfigError(f"folds.span: no row lies within stretch {empty[0] + 1} of {n} ({span} each)")
    if (fold >= 0).all():
        raise ConfigError(
            f"folds.span: no row is left to learn from before {n} stretches of {span}: the first is of {moments.min()}",
            remedy="Use a shorter span, or fewer folds.",
        )
    return fold
