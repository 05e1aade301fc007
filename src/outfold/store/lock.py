"""Locks between processes. A lock goes with the process that holds it, however it ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from outfold.errors import OutfoldError


def lock_file(handle: int, *, wait: bool) -> bool:
    """Lock an open file until it is closed.

    Args:
        handle: the file descriptor.
        wait: wait for a process that holds the lock.

    Returns:
        False where the system (Windows) or the disk has no such locks: then nothing is locked.

    Raises:
        BlockingIOError: another process holds the lock, and ``wait`` is False.
    """
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process: two processes never train the same pipeline at once.

    Raises:
        OutfoldError: another process holds it, named by its number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".lock"
    with path.open("a+", encoding="utf-8") as file:
        try:
            lock_file(file.fileno(), wait=False)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise OutfoldError(
                f"{folder}: process {holder} is writing here", remedy="Wait for it to end, or stop it."
            ) from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield
