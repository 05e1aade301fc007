"""One fold of one pipeline on disk: its models, its checkpoint, its log. Opened by what it is made of."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from outfold.store.atomic import atomic_path, sweep, write_bytes, write_json

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

    @classmethod
    def open(cls, folder: Path, fingerprint: str) -> Shelf:
        """The shelf for results of ``fingerprint``; leftovers of another one are removed."""
        shelf = cls(folder)
        if folder.exists() and shelf.fingerprint != fingerprint:
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        if shelf.fingerprint != fingerprint:
            write_json(folder / KEY, {"fingerprint": fingerprint})
        return shelf

    @property
    def fingerprint(self) -> str | None:
        """Of what its results are made of; None for a folder that is no shelf yet."""
        try:
            return str(json.loads((self.folder / KEY).read_text(encoding="utf-8"))["fingerprint"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def path(self, name: str) -> Path:
        """Where the file of this name lies."""
        return self.folder / name

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A temporary path that becomes ``name`` when the block ends well."""
        with atomic_path(self.folder / name) as beside:
            yield beside

    def put(self, name: str, data: bytes) -> None:
        """Replace ``name``, whole or not at all."""
        write_bytes(self.folder / name, data)

    def discard(self, name: str) -> None:
        """Remove ``name`` if it is there."""
        (self.folder / name).unlink(missing_ok=True)

    def finish(self, **facts: Any) -> None:
        """Mark the fold as trained, with facts (members, seconds, ...) for the stage to read."""
        write_json(self.folder / DONE, facts)

    @property
    def done(self) -> dict[str, Any] | None:
        """What ``finish`` was given, or None while the fold is not trained."""
        try:
            return dict(json.loads((self.folder / DONE).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None
