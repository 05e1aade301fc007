"""The state of inputs/ before and after a call of the user's code, cheap for a hundred thousand images."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MOST_FILES = 1_000
"""Files whose size and time are compared, from the top folder down; of further folders only the list of names is."""


@dataclass(frozen=True)
class _Listing:
    """The names in a folder; hidden ones are left out."""

    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


_LISTINGS: dict[Path, tuple[int, _Listing]] = {}
"""By folder: its modification time, and the listing made then. A folder is listed again only with another time."""


@dataclass(frozen=True)
class InputsSnapshot:
    """Folders by their listing, and the first :data:`MOST_FILES` files by size and modification time in ns.

    A file that is added, removed or replaced changes the time of its folder, which is all that is looked up of a large
    one. A file overwritten in place there is found by the next command, which compares every file.
    """

    inputs: Path
    folders: Mapping[str, tuple[int, _Listing]]
    files: Mapping[str, tuple[int, int]]

    def changed(self, later: InputsSnapshot) -> list[str]:
        """Names, relative to inputs/, of files that differ, and of folders where only their time tells it."""
        names = {
            name for name in self.files.keys() | later.files.keys() if self.files.get(name) != later.files.get(name)
        }
        for folder in self.folders.keys() | later.folders.keys():
            (before_ns, before), (after_ns, after) = (one.folders.get(folder, (0, _Listing())) for one in (self, later))
            if before_ns == after_ns:
                continue
            moved = {f"{folder}{name}" for name in {*before.files} ^ {*after.files}}
            moved |= {f"{folder}{name}/" for name in {*before.folders} ^ {*after.folders}}
            compared = all(f"{folder}{name}" in self.files for name in before.files)
            names |= moved or (set() if compared else {folder or f"{self.inputs.name}/"})
        return sorted(names)


def take_snapshot(inputs: Path) -> InputsSnapshot:
    """The state of inputs/ now; what cannot be read has none."""
    folders: dict[str, tuple[int, _Listing]] = {}
    files: dict[str, tuple[int, int]] = {}
    seen: set[tuple[int, int]] = set()
    waiting = deque([""])
    while waiting:
        prefix = waiting.popleft()
        path = inputs / prefix
        try:
            state = path.stat()
            if (state.st_dev, state.st_ino) in seen:
                continue  # a link to a folder that has been looked at
            listing = _listing(path, state.st_mtime_ns)
        except OSError:
            continue
        seen.add((state.st_dev, state.st_ino))
        folders[prefix] = (state.st_mtime_ns, listing)
        if len(files) + len(listing.files) <= MOST_FILES:
            files |= _states(path, prefix, listing.files)
        waiting.extend(f"{prefix}{name}/" for name in listing.folders)
    return InputsSnapshot(inputs, folders, files)


def _listing(path: Path, mtime_ns: int) -> _Listing:
    known = _LISTINGS.get(path)
    if known is not None and known[0] == mtime_ns:
        return known[1]
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                (folders if entry.is_dir() else files).append(entry.name)
    listing = _Listing(tuple(sorted(folders)), tuple(sorted(files)))
    _LISTINGS[path] = (mtime_ns, listing)
    return listing


def _states(path: Path, prefix: str, names: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    states = {}
    for name in names:
        try:
            state = (path / name).stat()
        except OSError:
            continue
        states[f"{prefix}{name}"] = (state.st_size, state.st_mtime_ns)
    return states
