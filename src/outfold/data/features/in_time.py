"""What features in time have in common: a group, a column of time, and names that tell both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.config.time_features import InTime
from outfold.data.encoding.categories import category_codes
from outfold.data.encoding.table_features import as_number
from outfold.data.features.base import Made, Setting, label
from outfold.data.features.timeline import ALL, Span
from outfold.errors import ConfigError, in_yaml, quoted


def time_column(asked: InTime, setting: Setting) -> str:
    """The column of time.

    Raises:
        ConfigError: it is not there, holds no time, or none is named where there are several or none.
    """
    if asked.date is not None:
        (name,) = setting.known([asked.date])
        if setting.roles[name] not in ("date", "number"):
            setting.refuse(
                f"date: '{name}' holds neither dates nor numbers",
                f"Say in competition/competition.yaml that it does: `columns: {{dates: [{in_yaml(name)}]}}`.",
            )
        return name
    dates = [name for name, role in setting.roles.items() if role == "date"]
    if len(dates) != 1:
        there = f"there are {', '.join(dates)}" if dates else "there is no column of dates"
        setting.refuse(f"date: {there}; expected one", "Name it: `date: <column>`.")
    return dates[0]


def check_spans(setting: Setting, date: str, key: str, spans: Sequence[Span]) -> None:
    """See that lengths of time are of the sort that the column of time is.

    Raises:
        ConfigError: ``7`` for dates, or ``7D`` for numbers.
    """
    dates = setting.roles[date] == "date"
    for span in spans:
        if span != ALL and isinstance(span, str) != dates:
            wanted = "a length of time such as 7D or 12h" if dates else "a number"
            setting.refuse(
                f"{key}: {quoted(span)}: '{date}' holds {'dates' if dates else 'numbers'}; expected {wanted}"
            )


def named(column: str, what: str, by: Sequence[str]) -> str:
    """``Promo.sum_7D_by_Store``."""
    return f"{column}.{what}" + (f"_by_{label(by)}" if by else "")


def numbers(setting: Setting, names: Sequence[str], asked: InTime) -> tuple[Made, ...]:
    """Columns of numbers under these names, or the one that the file gives.

    Raises:
        ConfigError: it gives one for several.
    """
    return tuple(Made(name, "number") for name in setting.named(names, asked.name))


def sources(setting: Setting, columns: Sequence[str], asked: InTime, date: str) -> tuple[str, ...]:
    """The columns, the group and the time that a feature is made of, each once."""
    return tuple(dict.fromkeys([*columns, *setting.known(asked.by), date]))


_NO_EVENT = ("0", "False", "")


def is_event(column: pd.Series, values: Sequence[Any] | None) -> NDArray[np.bool_]:
    """Mask (n,) of the rows with one of these values; for None, with any but 0, False and an empty one."""
    if values is not None:
        return ~np.isnan(category_codes(column, [str(value) for value in values]))
    return column.notna().to_numpy() & np.isnan(category_codes(column, _NO_EVENT))


def numbers_of(column: pd.Series, events: Sequence[Any] | None) -> NDArray[np.float64]:
    """A column as numbers, NaN where missing or infinite; with ``events`` 1 where it holds one of them, else 0; (n,).

    Raises:
        ConfigError: a value that is no number, and no ``events`` are named.
    """
    if events is not None:
        return is_event(column, events).astype(np.float64)
    words = column[column.notna() & pd.to_numeric(column.astype(object), errors="coerce").isna()]
    if pd.api.types.is_datetime64_any_dtype(column):
        words = column.dropna()
    if len(words):
        raise ConfigError(
            f"features: {quoted(column.name)} holds {quoted(words.iloc[0])}, which is no number",
            remedy=f"Say which of its values to count: `events: [{in_yaml(words.iloc[0])}]`.",
        )
    return as_number(column).to_numpy()
