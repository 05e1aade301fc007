"""How much memory may still be taken: of the machine, or of the container that the process runs in."""

from __future__ import annotations

from pathlib import Path

import psutil

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
