"""One fold of one pipeline on disk: its models, its checkpoint, its log. Opened by what it is made of.

``files.json`` holds the hash of every file, which is compared before a file is read. A folder of a version that wrote
no hashes is read as it is, until its fold is trained again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from outfold.store.atomic import atomic_path, remove, sweep, write_json
from outfold.store.damage import DamagedError, damaged
from outfold.store.file_record import RECORD, FileRecord, current_sha256
from outfold.store.fingerprint import file_sha256

DONE = "done.json"
KEY = "key.json"
HISTORY = "history.jsonl"
"""What a learner with epochs shows of each, a line of JSON each, as of its last checkpoint."""


class Shelf:
    """A folder for one fold's results.

    ``open`` empties it when it was made of something else, so that nothing old is ever taken for new.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._record = FileRecord(folder)

    @classmethod
    def open(cls, folder: Path, fingerprint: str) -> Shelf:
        """The shelf for results of ``fingerprint``; leftovers of another one are removed."""
        shelf = cls(folder)
        if shelf.fingerprint != fingerprint:
            remove(folder)
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        if shelf.fingerprint != fingerprint:
            with atomic_path(folder / KEY) as beside:
                write_json(beside, {"fingerprint": fingerprint, "record": RECORD})
                shelf._record.announce(KEY, file_sha256(beside))
        return shelf

    @property
    def fingerprint(self) -> str | None:
        """Of what its results are made of; None for a folder that is no shelf yet."""
        return self._key.get("fingerprint")

    @property
    def _key(self) -> dict[str, str]:
        try:
            key = json.loads((self.folder / KEY).read_bytes())
        except (OSError, ValueError):
            return {}
        return key if isinstance(key, dict) and isinstance(key.get("fingerprint"), str) else {}

    @property
    def recorded(self) -> bool:
        """Whether its files have hashes; those of a version that wrote none have not."""
        return (self.folder / RECORD).exists() or "record" in self._key

    def path(self, name: str) -> Path:
        """Where the file of this name lies; to read it, see :meth:`read` and :meth:`checked`."""
        return self.folder / name

    def has(self, name: str) -> bool:
        """Whether there is something of this name; a file that the record has and the disk has not counts."""
        return (self.folder / name).exists() or (self.recorded and None not in self._accepted(name))

    def _accepted(self, name: str) -> list[str | None]:
        return self._record.read().get(name, [None])

    def read(self, name: str) -> bytes:
        """The bytes of a file, which are those that were written.

        Raises:
            DamagedError: they are others.
            FileNotFoundError: there is no such file, and no record of one.
        """
        path = self.folder / name
        try:
            data = path.read_bytes()
        except OSError as error:
            if self.recorded or not isinstance(error, FileNotFoundError):
                raise damaged(path, error.strerror or "it cannot be read") from None
            raise
        if self.recorded:
            self._record.check(name, hashlib.sha256(data).hexdigest())
        return data

    def read_json(self, name: str) -> Any:
        """The value in a file of JSON.

        Raises:
            DamagedError, FileNotFoundError: as :meth:`read`.
        """
        try:
            return json.loads(self.read(name))
        except ValueError as error:
            raise damaged(self.folder / name, f"damaged ({error})") from None

    def checked(self, name: str) -> Path:
        """The path of a file whose bytes are those that were written, for libraries that open paths.

        The file is hashed once per process.

        Raises:
            DamagedError: they are others, or there is no such file.
        """
        path = self.folder / name
        if self.recorded:
            self._record.check(name, current_sha256(path))
        elif not path.is_file():
            raise damaged(path, "no such file")
        return path

    def damage(self) -> DamagedError | None:
        """The first file that is not what was written, its key included; None where all are, or have no hashes."""
        try:
            if not self.recorded:
                return None
            if not (self.folder / RECORD).exists():
                return damaged(self.folder / RECORD, "no such file")
            for name in self._record.read():
                self.checked(name)
            for inner in sorted(self.folder.glob(f"*/{RECORD}")):
                error = Shelf(inner.parent).damage()
                if error is not None:
                    return error
        except DamagedError as error:
            return error
        return None

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A temporary path that becomes ``name`` when the block ends well."""
        with atomic_path(self.folder / name) as beside:
            yield beside
            self._announce(name, beside)

    def _announce(self, name: str, beside: Path) -> None:
        if self.recorded:
            self._record.announce(name, file_sha256(beside))

    def put(self, name: str, data: bytes) -> None:
        """Replace ``name``, whole or not at all."""
        with self.writing(name) as beside:
            beside.write_bytes(data)

    def discard(self, name: str) -> None:
        """Remove ``name`` if it is there."""
        if self.recorded:
            self._record.forget(name)
        (self.folder / name).unlink(missing_ok=True)

    def finish(self, **facts: Any) -> None:
        """Mark the fold as trained, with facts (members, seconds, ...) for the stage to read."""
        if self.recorded:
            for inner in sorted(self.folder.glob(f"*/{RECORD}")):
                self._record.announce(inner.relative_to(self.folder).as_posix(), file_sha256(inner))
        self.put(DONE, (json.dumps(facts, indent=2, sort_keys=True) + "\n").encode())
        if self.recorded:
            self._record.settle()

    @property
    def done(self) -> dict[str, Any] | None:
        """What ``finish`` was given, or None while the fold is not trained.

        Raises:
            DamagedError: it is not what was written.
        """
        if not self.has(DONE):
            return None
        if not self.recorded:
            try:
                return dict(json.loads((self.folder / DONE).read_bytes()))
            except (OSError, ValueError, TypeError):
                return None
        return dict(self.read_json(DONE))


def open_intact(folder: Path, fingerprint: str) -> tuple[Shelf, DamagedError | None]:
    """The shelf for results of ``fingerprint``, emptied where one of its files is damaged, and which one that was."""
    error = Shelf(folder).damage()
    if error is not None:
        remove(folder)
    return Shelf.open(folder, fingerprint), error
