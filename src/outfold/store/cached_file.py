"""A file of ``artifacts/cache`` and its hash beside it: a damaged one is removed, so that it is made again."""

from __future__ import annotations

from pathlib import Path

from outfold.errors import DataError
from outfold.store.atomic import remove, write_text
from outfold.store.file_record import current_sha256
from outfold.store.fingerprint import file_sha256


def seal(path: Path, beside: Path) -> None:
    """Record the hash of a file that is about to become ``path``.

    Args:
        beside: where its bytes lie now.
    """
    write_text(_seal(path), file_sha256(beside) + "\n")


def is_intact(path: Path) -> bool:
    """Whether there is a file, and its bytes are those that were written; any other is removed.

    The file is hashed once per process. One without a hash, of a version that wrote none, is made again, too.
    """
    if not path.exists():
        return False
    try:
        intact = _seal(path).read_text(encoding="ascii").strip() == current_sha256(path)
    except (OSError, ValueError, DataError):
        intact = False
    if not intact:
        discard(path)
    return intact


def discard(path: Path) -> None:
    """Remove a file and its hash."""
    remove(path)
    remove(_seal(path))


def _seal(path: Path) -> Path:
    """Where the hash lies; hidden, so that a cache is one file."""
    return path.with_name(f".{path.name}.sha256")
