"""The error for a damaged file in ``artifacts/``: names the file and the command that makes it again."""

from __future__ import annotations

import shlex
from pathlib import Path

from outfold.errors import DataError
from outfold.store.paths import maker

FOLDER = "a folder is where this file belongs"


class DamagedError(DataError):
    """A file in ``artifacts/`` differs from what was written."""


def damaged(path: Path, why: str, *, again: str | None = None, remove: bool = False) -> DamagedError:
    """The error for ``path``.

    Args:
        again: the command that makes the file again; by default the stage that writes it.
        remove: the file must be removed first, as the stage would take it for its own.
    """
    again = maker(path) if again is None else again
    if path.is_dir():
        away = shlex.join(["mv", str(path), f"{path}.moved"])
        return DamagedError(f"{path}: {FOLDER}", remedy=f"Run `{away}`, then `{again}`.")
    if remove:
        gone = shlex.join(["rm", str(path)])
        return DamagedError(f"{path}: {why}", remedy=f"Run `{gone}`, then `{again}`: it makes the file again.")
    return DamagedError(f"{path}: {why}", remedy=f"Run `{again}`: it makes the file again.")
