"""The hash of the data: every file in inputs/, and those that the contest file names outside of it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outfold.errors import DataError
from outfold.file_kinds import endless_kind
from outfold.progress import Reporter
from outfold.store.atomic import write_json
from outfold.store.fingerprint import file_sha256, fingerprint
from outfold.template import is_placeholder

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class DataFile:
    """A file of the data: its name (relative to inputs/, or as the contest file names it) and its path."""

    name: str
    path: Path


def data_files(inputs: Path, outside: Iterable[str] = ()) -> Iterator[DataFile]:
    """Every file in inputs/ and below it, sorted by folder, and then those outside; hidden ones are left out.

    So is the template's README.md, which keeps the folder in the repository.

    Args:
        outside: files and folders beside inputs/, absolute or relative to it.

    Raises:
        DataError: a FIFO, a socket, a device, a link to nothing, or a link that leads back to a folder above itself.
    """
    if not inputs.is_dir():
        raise DataError(f"{inputs}: no such folder", remedy="Run `outfold download`, or put the contest's files there.")
    yield from _below(inputs, "", ())
    for name in outside:
        path = inputs / name
        if path.is_dir():
            yield from _below(path, f"{name.rstrip('/')}/", ())
        elif path.exists():
            _require_file(path)
            yield DataFile(name, path)


def require_regular_files(inputs: Path, outside: Iterable[str] = ()) -> None:
    """See that reading the data cannot wait for ever.

    Raises:
        DataError: as :func:`data_files`.
    """
    for _ in data_files(inputs, outside):
        pass


def _below(folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[DataFile]:
    state = folder.stat()
    here = (state.st_dev, state.st_ino)
    if here in above:
        raise DataError(f"{folder}: a link that leads back to a folder above it", remedy="Remove the link.")
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                yield from _below(Path(entry.path), f"{prefix}{entry.name}/", (*above, here))
                continue
            # of a plain file the folder itself says so
            if not entry.is_file(follow_symlinks=False):
                _require_file(Path(entry.path))
            if not prefix and is_placeholder(Path(entry.path)):
                continue
            yield DataFile(f"{prefix}{entry.name}", Path(entry.path))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _require_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        what = "a link to nothing" if isinstance(error, FileNotFoundError) else error.strerror
        raise DataError(f"{path}: {what}", remedy="Remove it, or put the file itself there.") from None
    kind = endless_kind(mode)
    if kind is not None:
        raise DataError(
            f"{path}: this is {kind}; only regular files can be read and hashed",
            remedy="Remove it, or hide it (.name).",
        )


def recorded(manifest: Path) -> dict[str, Any]:
    """What the manifest says: ``data_hash``, ``files`` and, after a download, ``source``; empty without a whole one.

    A file's entry that is none (no size, no time stamp, no hash) is left out, as if the file were new.
    """
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    files = content.get("files")
    known = {name: facts for name, facts in files.items() if _is_entry(facts)} if isinstance(files, dict) else {}
    if content.get("data_hash") != fingerprint(files={name: facts["sha256"] for name, facts in known.items()}):
        known = {}  # a hash in it is damaged: every file is hashed again
    return {**content, "files": known}


def _is_entry(facts: Any) -> bool:
    """Whether a file's entry is of the types that this module writes; a size of 1e400 is none."""
    if not isinstance(facts, dict):
        return False
    numbers = (facts.get("size"), facts.get("mtime_ns"))
    sha256 = facts.get("sha256")
    return (
        all(type(number) is int for number in numbers) and isinstance(sha256, str) and bool(_SHA256.fullmatch(sha256))
    )


def data_hash(
    inputs: Path, manifest: Path, reporter: Reporter, *, outside: Iterable[str] = (), write: bool = True, **facts: str
) -> str:
    """SHA-256 over the names and contents of all files of the data; the manifest is brought up to date.

    Hidden files are left out. A file is read again only when its size or modification time differs from the manifest's.

    Args:
        outside: files and folders beside inputs/, absolute or relative to it.
        write: bring the manifest up to date.
        facts: written into it beside the hashes.

    Raises:
        DataError: as :func:`data_files`.
    """
    earlier, outside = recorded(manifest), list(outside)
    known: dict[str, dict[str, Any]] = earlier.get("files", {})
    found: dict[str, dict[str, Any]] = {}
    stale: list[DataFile] = []
    for file in data_files(inputs, outside):
        before, state = known.get(file.name, {}), file.path.stat()
        found[file.name] = {"size": state.st_size, "mtime_ns": state.st_mtime_ns, "sha256": before.get("sha256")}
        if (before.get("size"), before.get("mtime_ns")) != (state.st_size, state.st_mtime_ns):
            stale.append(file)
    if stale:
        with reporter.bar("hash inputs", len(stale), "files") as bar:
            for file in stale:
                found[file.name]["sha256"] = file_sha256(file.path)
                bar.advance(1)
    total = fingerprint(files={name: item["sha256"] for name, item in found.items()})
    content: dict[str, Any] = {"data_hash": total, "files": found, **({"outside": outside} if outside else {})}
    if earlier.get("data_hash") == total and "source" in earlier:
        content["source"] = earlier["source"]  # other time stamps, and still what was downloaded
    content |= facts
    if write and content != earlier:
        write_json(manifest, content)
    return total


def known_data(inputs: Path, manifest: Path) -> tuple[str | None, bool]:
    """The hash of the data in the manifest, and whether its files are those on disk, by size and time stamp."""
    before = recorded(manifest)
    outside = before.get("outside", [])
    states = {}
    try:
        for file in data_files(inputs, outside if isinstance(outside, list) else []):
            state = file.path.stat()
            states[file.name] = (state.st_size, state.st_mtime_ns)
    except (DataError, OSError):
        return None, False  # the stage says what is wrong
    known = {name: (one["size"], one["mtime_ns"]) for name, one in before.get("files", {}).items()}
    total = before.get("data_hash")
    return total, total is not None and states == known


def content_hashes(inputs: Path, manifest: Path) -> dict[Path, str]:
    """SHA-256 by absolute path, as the manifest has them."""
    files = recorded(manifest).get("files", {})
    return {(inputs / name).absolute(): str(item["sha256"]) for name, item in files.items()}
