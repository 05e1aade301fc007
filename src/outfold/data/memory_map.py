"""Large arrays on disk that processes share: built by one of them, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from outfold.errors import OutfoldError
from outfold.store.atomic import sweep_dead
from outfold.store.lock import lock_file


@contextlib.contextmanager
def turn(path: Path) -> Iterator[None]:
    """Wait until no other process holds ``path``.

    Without locks (Windows, some network disks) two processes may both build: the same bytes, renamed into place.
    """
    with path.open("a+b") as file:
        lock_file(file.fileno(), wait=True)
        yield


def require_space(folder: Path, needed: int, what: str, remedy: str) -> None:
    """Raises OutfoldError where the folder's disk has less than ``needed`` bytes free.

    What a killed process left half-written is removed first.
    """
    sweep_dead(folder)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OutfoldError(f"{folder}: {what} need {needed:,} bytes and {free:,} are free", remedy=remedy)


def allocate(path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> np.memmap:
    """A new ``.npy`` file of this shape as a writable memory map."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate") and array.size:
        # claims the blocks now: a disk that fills up later would end the process in the middle of a store
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array
