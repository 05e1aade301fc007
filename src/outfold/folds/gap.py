"""Gap (embargo) of a time split: rows near the scored ones are left out of training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.errors import ConfigError, quoted

Gap = int | float | str
"""Whole numbers are rows, text is a length of time, other numbers are lengths of a column that counts time."""


def purged_rows(times: pd.Series, train: NDArray[np.bool_], scored: NDArray[np.bool_], gap: Gap) -> NDArray[np.bool_]:
    """The training rows within the gap before or after the span of the scored rows; (n,).

    A length of time purges rows at most so far from the first or the last scored row: of daily rows, ``7D`` purges
    seven days. A number of rows purges so many on either side, and with the last of them all rows of its date.

    Args:
        times: dates, or numbers that count time, of all rows; none missing.
        train: which rows the model would learn from without a gap.
        scored: which rows it is scored on; at least one.
        gap: the length.

    Raises:
        ConfigError: a length of time of the other sort than the column.
    """
    start, end = times[scored].min(), times[scored].max()
    if isinstance(gap, int):
        before, after = train & (times < start).to_numpy(), train & (times > end).to_numpy()
        earliest, latest = _nth(times[before], -gap), _nth(times[after], gap - 1)
    else:
        length = _length(times, gap)
        earliest, latest = start - length, end + length
    purged = train & np.ones(len(times), dtype=bool)
    if earliest is not None:
        purged &= (times >= earliest).to_numpy()
    if latest is not None:
        purged &= (times <= latest).to_numpy()
    return purged


def check_left(train: NDArray[np.bool_], purged: NDArray[np.bool_], gap: Gap, what: str) -> None:
    """Raises ConfigError where the gap leaves no row to learn from.

    Args:
        what: whose training rows these are, for the message.
    """
    if train.any() and not (train & ~purged).any():
        raise ConfigError(
            f"folds.gap: {in_words(gap)} purges all {int(train.sum()):,} training rows of {what}",
            remedy="Use a shorter gap, fewer folds (folds.n), or a shorter span.",
        )


def in_words(gap: Gap) -> str:
    """The gap as text: ``7D``, ``100 rows``."""
    return (f"{gap} row" + "s" * (gap != 1)) if isinstance(gap, int) else str(gap)


def _nth(times: pd.Series, place: int) -> Any:
    """The time at a place of the sorted times, at most the first or the last of them; None where there are none."""
    if times.empty:
        return None
    ordered = times.sort_values()
    return ordered.iloc[max(place, -len(ordered)) if place < 0 else min(place, len(ordered) - 1)]


def _length(times: pd.Series, gap: float | str) -> Any:
    dates = pd.api.types.is_datetime64_any_dtype(times)
    if isinstance(gap, str) != dates:
        held, wanted = ("dates", "a length of time such as 7D") if dates else ("numbers", "a number such as 7.0")
        raise ConfigError(
            f"folds.gap: {quoted(gap)}: the column of folds.date holds {held}; expected {wanted}, or rows"
        )
    return pd.Timedelta(gap) if isinstance(gap, str) else gap
