"""Estimators whose results are the same on any machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from outfold.ensemble.threads import one_thread


@contextmanager
def alone(jobs: int = 1) -> Iterator[None]:
    """Linear algebra on one thread, and so many jobs of joblib: sums have the same bits whatever the machine.

    A forest adds up its trees' predictions in the order in which threads end, so that prediction is one job.
    """
    import joblib
    from threadpoolctl import threadpool_limits

    with one_thread(), threadpool_limits(limits=1, user_api="openmp"), joblib.parallel_config("threading", n_jobs=jobs):
        yield
