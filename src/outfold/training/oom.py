"""A batch that is too large for the memory: told so that it can be mended, or cut into pieces that fit."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import torch
from torch import Tensor

from outfold.errors import OutfoldError

_SAID = ("DefaultCPUAllocator", "out of memory")
"""How torch says so on a CPU and on other devices, where it has no class of error for it."""
TRAINING = (
    "Make batch_size: smaller, and accumulate: larger by as much: the steps stay the same. precision: bf16 (fp16 on an "
    "older GPU) takes less, too. Nothing is lost: where more memory is free, the same command goes on from the last "
    "epoch."
)
PREDICTION = (
    "Free memory that others hold on the device, or set device: cpu for this command: no model is trained again. "
    "Nothing is lost: the same command goes on from here."
)


def is_too_large(error: BaseException) -> bool:
    """Whether an error says that an allocation failed, on any device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in _first_line(error) for sign in _SAID)


@contextlib.contextmanager
def memory_told(title: str, remedy: str = TRAINING) -> Iterator[None]:
    """Turn an allocation that failed in the block into an error that a user can mend.

    Raises:
        OutfoldError: the device's memory is too small; the remedy names the keys.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_too_large(error):
            raise
        device = "GPU" if isinstance(error, torch.OutOfMemoryError) else "device"
        said = f"{title}: the {device}'s memory is too small ({_first_line(error)})"
        raise OutfoldError(said, remedy=remedy) from None


class Pieces:
    """Runs networks on as many rows at a time as fit: a batch that is too large is halved, and so are those after it.

    In eval mode a row's output does not depend on the rows beside it, but for the last bits of its float32.

    Args:
        tell: told in words of each halving.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._most: int | None = None

    def __call__(self, network: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        """What the network makes of (n, ...) inputs: (n, ...).

        Raises:
            torch.OutOfMemoryError, RuntimeError, MemoryError: not even one row fits.
        """
        while True:
            rows = min(self._most or len(inputs), len(inputs))
            try:
                if rows == len(inputs):
                    return network(inputs)
                return torch.cat([network(piece) for piece in inputs.split(rows)])
            except (RuntimeError, MemoryError) as error:
                if rows < 2 or not is_too_large(error):
                    raise
            # the error is gone by now, and with it what was computed until it came
            empty_cache()
            self._most = -(-rows // 2)
            self._tell(f"{rows} images at a time are too many for the memory: going on with {self._most}")


def empty_cache() -> None:
    """Hand back what torch keeps of a GPU's memory without using it."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


_CGROUP = Path("/sys/fs/cgroup")
_VERSIONS = (
    ("memory.max", "memory.current", "memory.stat"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
)
"""Where Linux tells the limit, the use and its parts (control groups v2 and v1)."""


def free_ram(cgroup: Path = _CGROUP) -> int:
    """Bytes that a process may take without swapping: what the machine has left, or the container where that is less.

    Files that are kept in memory only as long as nobody else wants it (memory maps among them) count as free.
    """
    free = int(psutil.virtual_memory().available)
    for limit, used, parts in _VERSIONS:
        try:
            most, now = (int((cgroup / name).read_text()) for name in (limit, used))
            stat = dict(line.split() for line in (cgroup / parts).read_text().splitlines())
        except (OSError, ValueError):
            continue  # another version, or no limit ("max")
        files = int(stat.get("inactive_file", 0)) + int(stat.get("active_file", 0))
        free = min(free, max(most - max(now - files, 0), 0))
    return free
