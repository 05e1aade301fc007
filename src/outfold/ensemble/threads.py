"""Linear algebra on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


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
