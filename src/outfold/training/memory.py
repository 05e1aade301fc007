"""A batch that is too large for the memory, told so that it can be mended."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from outfold.errors import OutfoldError

_SAID = ("DefaultCPUAllocator", "out of memory")
"""How torch says so on a CPU and on other devices, where it has no class of error for it."""


@contextlib.contextmanager
def memory_told(title: str) -> Iterator[None]:
    """Turn an allocation that failed in the block into an error that a user can mend.

    Raises:
        OutfoldError: the device's memory is too small; the remedy names the keys.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        on_gpu = isinstance(error, torch.OutOfMemoryError)
        said = (str(error) or "MemoryError").splitlines()[0]
        if not on_gpu and not isinstance(error, MemoryError) and not any(sign in said for sign in _SAID):
            raise
        raise OutfoldError(
            f"{title}: the {'GPU' if on_gpu else 'device'}'s memory is too small ({said})",
            remedy="Make batch_size: smaller, and accumulate: larger by as much: the steps stay the same. precision: "
            "bf16 (fp16 on an older GPU) takes less, too. Nothing is lost: where more memory is free, the same command "
            "goes on from the last epoch.",
        ) from None
