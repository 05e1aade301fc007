"""What a frozen network makes of a part's images, computed once: a memory map that folds and pipelines share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outfold.data.memory_map import allocate, require_space, turn
from outfold.store.atomic import atomic_path
from outfold.store.file_record import is_intact, seal


def open_activations(
    folder: Path,
    name: str,
    rows: int,
    compute: Iterable[NDArray[np.float32]],
    order: NDArray[np.int64] | None = None,
) -> NDArray[np.float32]:
    """The activations of this name, computed where they are not there yet; two processes never compute the same ones.

    Args:
        name: says all that they depend on; it becomes the file's.
        rows: how many there are.
        compute: batches of activations (k, ...), one after the other; looked at only where they are not there.
        order: (rows,) which row each of them is of; None: they come in their order.

    Returns:
        (rows, ...) float32, a read-only memory map.

    Raises:
        OutfoldError: not enough disk; nothing is written.
    """
    path = folder / f"{name}.npy"
    if not is_intact(path):
        folder.mkdir(parents=True, exist_ok=True)
        with turn(folder / f".{name}.lock"):
            # another process may have computed them while this one waited
            if not is_intact(path):
                _build(path, rows, compute, order)
    found: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return found


def _build(path: Path, rows: int, compute: Iterable[NDArray[np.float32]], order: NDArray[np.int64] | None) -> None:
    array: np.memmap | None = None
    start = 0
    with atomic_path(path) as beside:
        for batch in compute:
            if array is None:
                shape = (rows, *batch.shape[1:])
                needed = 4 * int(np.prod(shape, dtype=np.int64))
                remedy = "Free some space, or leave precompute: out."
                require_space(path.parent, needed, "the precomputed activations", remedy)
                array = allocate(beside, shape, np.float32)
            end = start + len(batch)
            array[slice(start, end) if order is None else order[start:end]] = batch
            start = end
        if array is None or start != rows:
            raise ValueError(f"{start} rows of activations; expected {rows}")
        array.flush()
        del array
        seal(path, beside)
