"""Numbers without loss: text compared as exact decimals, and float32 only where it is precise enough."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import numpy as np
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


def loses_precision(values: NDArray[Any], tolerance: float = TOLERANCE) -> bool:
    """Whether float32 would move a value of a column by more than ``tolerance`` times the column's range.

    Args:
        values: (n,) or (n, columns). Values that are not finite are left out; a constant column has no range to lose.
    """
    if values.dtype != np.float64 or not values.size:
        return False
    table = values.reshape(len(values), -1)
    known = np.isfinite(table)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = np.where(known, np.abs(table.astype(np.float32).astype(np.float64) - table), 0.0).max(axis=0)
        spread = np.where(known, table, -np.inf).max(axis=0) - np.where(known, table, np.inf).min(axis=0)
    return bool((moved > tolerance * spread)[spread > 0].any())


def precise(values: NDArray[Any]) -> NDArray[Any]:
    """The values as float32; as float64 where :func:`loses_precision`."""
    values = np.asarray(values)
    return values if loses_precision(values) else np.asarray(values, dtype=np.float32)
