"""How many threads a process may use: all cores, shared out when several processes work side by side."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "OUTFOLD_THREADS"


def cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count() -> int:
    """Threads for this process: ``OUTFOLD_THREADS``, or the cores divided by the jobs of ``make -j`` and by the ranks.

    Two processes of two threads each on two cores run at a fraction of the speed of two with one each.
    """
    said = _number(os.environ.get(VARIABLE, ""))
    if said:
        return said
    jobs = re.search(r"(?:^|\s)-?-?j(?:obs=)?\s?(\d+)", os.environ.get("MAKEFLAGS", ""))
    beside = _number(jobs.group(1)) if jobs else 1
    # torchrun tells each of its processes how many there are on this machine
    return max(1, cores() // (beside or 1) // (_number(os.environ.get("LOCAL_WORLD_SIZE", "")) or 1))


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def pin_threads() -> int:
    """Set the thread counts of every numeric library in this process; call before they are imported.

    Returns:
        The number of threads.
    """
    count = thread_count()
    set_threads(count)
    return count


def set_threads(count: int) -> None:
    """Let the numeric libraries that are yet to be loaded, and torch where it is, use so many threads from now on."""
    for name in (VARIABLE, "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(count)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


def threads_in_use() -> int:
    """The threads that torch works on where it is loaded, else those that it would."""
    return int(sys.modules["torch"].get_num_threads()) if "torch" in sys.modules else thread_count()


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it, BLAS works on one thread.

    Sums then have the same bits whatever the number of cores. It is faster, too: L-BFGS asks BLAS for very many very
    small products, and threads that wait for each other on a busy machine made it ten times slower.
    """
    # A limit reaches only the libraries that are loaded when it is set, and scipy brings a BLAS of its own.
    import scipy.optimize  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield
