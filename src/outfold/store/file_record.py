"""``files.json``: the hash of every file in one folder, written before the file itself.

A process may be killed between the two writes. So a file that is about to be replaced has two hashes, the old one and
the new one, and a file that is about to appear may be missing (``null``). :meth:`FileRecord.settle` leaves one hash per
file.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

from outfold.errors import DataError
from outfold.store.atomic import remove, write_json, write_text
from outfold.store.damage import FOLDER, damaged
from outfold.store.fingerprint import file_sha256

RECORD = "files.json"


class FileRecord:
    """The hashes of the files in ``folder``, by their path relative to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._written: dict[str, str] = {}

    def read(self) -> dict[str, list[str | None]]:
        """The accepted hashes of each file; empty where there is no record.

        Raises:
            DamagedError: the record is not one.
        """
        path = self.folder / RECORD
        try:
            files = dict(json.loads(path.read_bytes())["files"])
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError):
            raise damaged(path, "damaged") from None
        if not all(isinstance(hashes, list) and hashes for hashes in files.values()):
            raise damaged(path, "damaged")
        return files

    def announce(self, name: str, sha256: str) -> None:
        """Record the hash that ``name`` is about to have."""
        files = self.read()
        before: str | None = self._written.get(name)
        if before is None:
            path = self.folder / name
            known = files.get(name, [])
            before = known[0] if len(known) == 1 else file_sha256(path) if path.is_file() else None
        self._written[name] = sha256
        self._write({**files, name: [sha256] if before == sha256 else [before, sha256]})

    def forget(self, name: str) -> None:
        """Take ``name`` out, before the file is removed."""
        files = self.read()
        self._written.pop(name, None)
        if files.pop(name, None) is not None:
            self._write(files)

    def settle(self) -> None:
        """Leave one hash per file: the one on disk."""
        files = self.read()
        settled = {name: hashes if len(hashes) == 1 else [self._on_disk(name)] for name, hashes in files.items()}
        if settled != files:
            self._write({name: hashes for name, hashes in settled.items() if hashes != [None]})

    def check(self, name: str, sha256: str | None) -> None:
        """Compare a hash with the record; None for a file that is missing.

        Raises:
            DamagedError: it is another one, or the file has none.
        """
        accepted = self.read().get(name)
        path = self.folder / name
        if not (self.folder / RECORD).exists():
            raise damaged(self.folder / RECORD, "no such file")
        if accepted is None:
            raise damaged(path, f"it is not in {self.folder / RECORD}")
        if sha256 not in accepted:
            raise damaged(path, "no such file" if sha256 is None else "damaged: its hash is another than was recorded")

    def _on_disk(self, name: str) -> str | None:
        path = self.folder / name
        if name in self._written:
            return self._written[name]
        return file_sha256(path) if path.is_file() else None

    def _write(self, files: dict[str, list[str | None]]) -> None:
        write_json(self.folder / RECORD, {"files": files})


def current_sha256(path: Path) -> str | None:
    """SHA-256 (hex) of a file, None where there is none; read once per process as long as the file stays the same.

    Raises:
        DamagedError: a folder is in its place.
    """
    if path.is_dir():
        raise damaged(path, FOLDER)
    try:
        stat = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _hashed(path.absolute(), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


def holds(path: Path, sha256: str | None) -> bool:
    """Whether there is a file with this hash; a folder is none."""
    return path.is_file() and current_sha256(path) == sha256


@functools.lru_cache(maxsize=4096)
def _hashed(path: Path, *state: int) -> str:
    return file_sha256(path)


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
