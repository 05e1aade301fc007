"""The hash of the data: every file in inputs/, hashed once and again only when its size or time stamp changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from outfold.progress import Reporter
from outfold.store.atomic import write_json
from outfold.store.fingerprint import file_sha256, fingerprint


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _files(Path(entry.path))
            else:
                yield entry


def recorded(manifest: Path) -> dict[str, Any]:
    """What the manifest says: ``data_hash``, ``files`` and, after a download, ``source``; empty without a whole one."""
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _read(manifest: Path) -> dict[str, dict[str, Any]]:
    files = recorded(manifest).get("files")
    return files if isinstance(files, dict) else {}


def data_hash(inputs: Path, manifest: Path, reporter: Reporter, *, write: bool = True, **facts: str) -> str:
    """SHA-256 over the names and contents of all files in ``inputs``; the manifest is brought up to date.

    Hidden files are left out. A file is read again only when its size or modification time differs from the manifest's.

    Args:
        write: bring the manifest up to date.
        facts: written into it beside the hashes.
    """
    known = _read(manifest)
    found: dict[str, dict[str, Any]] = {}
    stale: list[tuple[str, Path]] = []
    for entry in _files(inputs):
        name = Path(entry.path).relative_to(inputs).as_posix()
        stat = entry.stat()
        before = known.get(name, {})
        found[name] = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": before.get("sha256")}
        if (before.get("size"), before.get("mtime_ns")) != (stat.st_size, stat.st_mtime_ns) or not before.get("sha256"):
            stale.append((name, Path(entry.path)))
    if stale:
        with reporter.bar("hash inputs", len(stale), "files") as bar:
            for name, path in stale:
                found[name]["sha256"] = file_sha256(path)
                bar.advance(1)
    total = fingerprint(files={name: item["sha256"] for name, item in found.items()})
    if write and (found != known or facts or not manifest.exists()):
        write_json(manifest, {"data_hash": total, "files": found, **facts})
    return total


def content_hashes(inputs: Path, manifest: Path) -> dict[Path, str]:
    """SHA-256 by absolute path, as the manifest has them."""
    return {(inputs / name).absolute(): str(item["sha256"]) for name, item in _read(manifest).items()}
