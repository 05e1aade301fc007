"""How files write no and yes, and how their cells are compared."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from outfold.precision import exact_number

TRUTH_WORDS = (("0", "1"), ("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"))
"""Pairs of (no, yes), letters without their case."""


def cell_key(value: Any) -> Decimal | str:
    """A cell to be compared: a number exactly, letters without their case and blanks around them."""
    number = exact_number(value)
    return str(value).strip().casefold() if number is None else number
