"""Memory that is no longer used, given back to the system at once."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any


def give_back() -> None:
    """Give back what allocators keep of work that is done: beside a large table it may be as much again.

    Arrow's own keeps what is freed for itself, and so does the C library's, where something small lies behind it
    (glibc alone can be asked not to).
    """
    arrow = sys.modules.get("pyarrow")
    if arrow is not None:
        arrow.default_memory_pool().release_unused()
    _trim()(0)


@cache
def _trim() -> Callable[[int], Any]:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # another C library than glibc
        return lambda _: 0
