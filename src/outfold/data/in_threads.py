"""Work that threads share out, its results in the order of the work."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from outfold.threads import thread_count

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result]:
    """What ``work`` makes of each item; an error, or a reader that stops, leaves none of the rest to be done."""
    with ThreadPoolExecutor(thread_count()) as pool:
        try:
            yield from pool.map(work, items)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
