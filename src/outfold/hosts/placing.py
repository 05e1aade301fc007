"""Put downloaded files into inputs/ beside what a person has put there: nothing of theirs is lost."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path, PurePosixPath

from outfold.errors import DataError, some
from outfold.hosts.zip_files import Unpacked
from outfold.progress import Reporter

KEPT = ".replaced"
"""What the name of a person's own file ends with, hidden, when a download brings another of its name."""


def refuse_collisions(inputs: Path, names: Iterable[str]) -> None:
    """See that each file can come to its place.

    Raises:
        DataError: a folder (or a FIFO, ...) where a file comes, or a file where a folder comes; all of them told.
    """
    folders = {str(parent) for name in names for parent in PurePosixPath(name).parents}
    odd = [
        f"{inputs / name}: {_kind(inputs / name)} where a folder comes"
        for name in sorted(folders)
        if _is_there(inputs / name) and not (inputs / name).is_dir()
    ]
    odd += [
        f"{inputs / name}: {_kind(inputs / name)} where a file comes"
        for name in names
        if (inputs / name).exists() and not (inputs / name).is_file()
    ]
    if odd:
        raise DataError(
            f"the download cannot be put into {inputs}: {some(odd)}",
            remedy="Move what is there elsewhere, then run again: what was downloaded is kept.",
        )


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _kind(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    return "a file" if path.is_file() else "something that is no file"


def move_into(
    inputs: Path, unpacked: Path, files: Mapping[str, Unpacked], earlier: Collection[str], reporter: Reporter
) -> None:
    """Move what was unpacked to its place; a person's own file of the same name is kept beside it, hidden, and told.

    Args:
        inputs: the folder, which need not be there.
        unpacked: where the files lie now.
        files: each by its path below both folders.
        earlier: files that came with an earlier download, and may be replaced.

    Raises:
        DataError: as :func:`refuse_collisions`; nothing is then moved.
    """
    refuse_collisions(inputs, files)
    kept = []
    for name, facts in files.items():
        target = inputs / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name not in earlier and target.is_file() and not _same(target, facts):
            target.replace(target.with_name(f".{target.name}{KEPT}"))
            kept.append(name)
        (unpacked / name).replace(target)
    if kept:
        reporter.warn(
            f"{inputs}: other files stood in the place of {some(kept)}: they are kept beside them, hidden "
            f"(.NAME{KEPT}), and not read"
        )


def _same(path: Path, facts: Unpacked) -> bool:
    if path.stat().st_size != facts.size:
        return False
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == facts.sha256
