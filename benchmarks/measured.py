"""What each runner prints: one line of JSON, measured inside its own process."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path


class Clock:
    """Wall and CPU time of named parts."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}

    def measure(self, name: str) -> _Part:
        return _Part(self, name)

    def finish(self, **figures: float) -> None:
        """Print everything, and what else was found."""
        peak = max(_own_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1e6
        print(json.dumps({**self.parts, **figures, "peak_gb": peak}), flush=True)


class _Part:
    def __init__(self, clock: Clock, name: str) -> None:
        self.clock, self.name = clock, name

    def __enter__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), _cpu()

    def __exit__(self, *_: object) -> None:
        self.clock.parts[f"{self.name}_s"] = time.perf_counter() - self.wall
        self.clock.parts[f"{self.name}_cpu_s"] = _cpu() - self.cpu


def _own_peak() -> int:
    """KB of memory that this process had at most; ``ru_maxrss`` would count what its parent had when it began."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _cpu() -> float:
    """CPU seconds of this process and of the workers that it has waited for."""
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    return total
