"""How many threads a process may use: all cores, shared out when make runs several processes side by side."""

from __future__ import annotations

import os
import re

VARIABLE = "OUTFOLD_THREADS"


def cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count() -> int:
    """Threads for this process: ``OUTFOLD_THREADS``, or the cores divided by the jobs of ``make -j``.

    Two processes of two threads each on two cores run at a fraction of the speed of two with one each.
    """
    said = os.environ.get(VARIABLE, "")
    if said.isdigit() and int(said) > 0:
        return int(said)
    jobs = re.search(r"(?:^|\s)-?-?j(?:obs=)?\s?(\d+)", os.environ.get("MAKEFLAGS", ""))
    return max(1, cores() // int(jobs.group(1))) if jobs else cores()


def pin_threads() -> int:
    """Set the thread counts of every numeric library in this process; call before they are imported.

    Returns:
        The number of threads.
    """
    count = thread_count()
    os.environ[VARIABLE] = str(count)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(count)
    # waiting threads sleep instead of spinning on cores that other processes need
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return count
