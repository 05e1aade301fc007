"""Numbers without loss: text compared as exact decimals, and float32 only where it is precise enough."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FLOAT_INTEGERS = 2**53
"""Beyond this, float64 makes neighbouring whole numbers equal."""

TOLERANCE = 1e-6
"""float32 is precise enough where it moves no value by more than this share of the values' range."""

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


def exact_number(value: object) -> Decimal | None:
    """The number that a text writes, exactly; None for any other text. ``1``, ``1.0``, ``+1`` and ``01`` are equal."""
    text = str(value).strip()
    return Decimal(text) if _DECIMAL.fullmatch(text) else None


def needs_float64(values: NDArray[np.float64]) -> bool:
    """Whether float32 would move predictions of these values by more than :data:`TOLERANCE` times their range.

    Args:
        values: (n,) finite; a constant has no range to lose.
    """
    if not values.size:
        return False
    low, high = float(values.min()), float(values.max())
    with np.errstate(over="ignore"):
        step = float(np.spacing(np.abs(np.float32(max(abs(low), abs(high))))))
    return high > low and not step / 2 <= TOLERANCE * (high - low)


def float_table(table: pd.DataFrame) -> NDArray[Any]:
    """A table of predictions as an array: float64 where a column is, float32 otherwise."""
    return np.asarray(table.to_numpy(np.float64 if _has_float64(table) else np.float32))


def _has_float64(table: pd.DataFrame) -> bool:
    return any(dtype == np.float64 for dtype in table.dtypes)


TRUTH_WORDS = (("0", "1"), ("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"))
"""Pairs of (no, yes), letters without their case."""


def cell_key(value: Any) -> Decimal | str:
    """A cell to be compared: a number exactly, letters without their case and blanks around them."""
    number = exact_number(value)
    return str(value).strip().casefold() if number is None else number
