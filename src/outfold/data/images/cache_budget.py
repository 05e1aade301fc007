"""How much disk the cache may take."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path

from outfold.errors import ConfigError, quoted
from outfold.store.atomic import sweep_dead

VARIABLE = "OUTFOLD_CACHE_BUDGET"
SHARE = 0.9
"""Of what is free, the cache takes so much at most."""
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def room(folder: Path) -> int:
    """Bytes that may still be written into the cache: what is left of the budget, and :data:`SHARE` of the free disk.

    What a killed process left half-written is removed first.

    Raises:
        ConfigError: the budget is no amount of bytes.
    """
    sweep_dead(folder)
    free = int(shutil.disk_usage(folder).free * SHARE)
    said = os.environ.get(VARIABLE, "").strip()
    return max(0, min(free, amount(said) - _used(folder)) if said else free)


def amount(text: str) -> int:
    """Bytes, of a number or of one with its unit: ``20 GB`` are 20e9.

    Raises:
        ConfigError: it is neither.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text)
    if found is None or found[2].upper() not in _UNITS:
        raise ConfigError(f"{VARIABLE}: {quoted(text)}: expected bytes, or a number of KB, MB, GB or TB, such as 20 GB")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def in_words(count: int) -> str:
    """Bytes as a person says them: ``15.1 GB``."""
    unit = next((unit for unit in ("TB", "GB", "MB", "KB") if count >= _UNITS[unit]), "B")
    return f"{count:,} B" if unit == "B" else f"{count / _UNITS[unit]:,.1f} {unit}"


def _used(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        # another process may just have renamed what it wrote
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
