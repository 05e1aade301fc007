"""Work on the columns of a large table in threads: Arrow lets go of Python's lock while it works."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from outfold.threads import thread_count

WORTH_WHILE = 50_000
"""Rows from which on a column takes longer than a thread to start."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(function: Callable[[Item], Result], items: Iterable[Item], rows: int) -> list[Result]:
    """``function`` of each item, in their order; of many rows, on as many threads as this process may use."""
    count = thread_count() if rows >= WORTH_WHILE else 1
    if count == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(function, items))
