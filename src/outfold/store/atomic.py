"""A file is either its old self or its new self: write beside, fsync, rename."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from outfold.errors import DataError, DiskFullError
from outfold.store.lock import lock_file

_SUFFIX = ".tmp"


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on a clean exit it takes the place of ``path``.

    A crash, a kill or a full disk leaves what was there before, and no half-written file under the final name.

    Raises:
        DiskFullError: when there is no space left, naming the file; the old file is untouched.
        DataError: a folder is where the file belongs.
    """
    if path.is_dir() and not path.is_symlink():
        away = shlex.join(["mv", str(path), f"{path}.moved"])
        raise DataError(
            f"{path}: a folder is where this file belongs", remedy=f"Run `{away}`, then the same command again."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    beside, held = _temporary(path)
    try:
        yield beside
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.chmod(0o644)
        beside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                f"{path}: no space left on the disk; the file was left as it was",
                remedy="Free some space and run the same command again: it goes on where it stopped.",
            ) from error
        raise
    finally:
        beside.unlink(missing_ok=True)
        if held is not None:
            os.close(held)


def _temporary(path: Path) -> tuple[Path, int | None]:
    """A new temporary file beside ``path``, and the handle that marks it as in use while its process lives."""
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_SUFFIX, dir=path.parent)
        if not lock_file(handle, wait=True):
            os.close(handle)
            return Path(name), None
        if os.fstat(handle).st_nlink:
            return Path(name), handle
        os.close(handle)  # another process has swept it away before it was locked


def sweep_dead(folder: Path) -> None:
    """Remove the temporary files of writers that were killed; those of living processes stay.

    Where the disk has no locks nothing is known of the writers, and all stay.
    """
    for leftover in folder.glob(f".*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            handle = os.open(leftover, os.O_RDWR)
            try:
                if lock_file(handle, wait=False):
                    leftover.unlink(missing_ok=True)
            finally:
                os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system can open a folder."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_bytes(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``, whole or not at all."""
    with atomic_path(path) as beside:
        beside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Replace ``path`` by UTF-8 ``text``, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Replace ``path`` by ``value`` as indented JSON with sorted keys."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=True) + "\n")


def sweep(folder: Path) -> None:
    """Remove what a killed writer left beside its target: hidden ``*.tmp`` files."""
    for leftover in folder.glob(f".*{_SUFFIX}"):
        leftover.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
