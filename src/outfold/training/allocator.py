"""Memory of the C library's allocator, kept between steps."""

from __future__ import annotations

import ctypes
import functools
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


@functools.cache
def keep_memory() -> bool:
    """Let what a step frees serve the next one, instead of giving it back to the system and fetching it again.

    glibc maps every block over 32 MB anew, and the kernel clears each of its pages: on a CPU that is up to half of the
    time that a mobile network takes to predict. The process stays as large as it once was.

    Returns:
        Whether the C library is one that knows this (glibc).
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, _NEVER))
