"""Unpack what was downloaded, and the archives within it."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

from outfold.errors import DataError, quoted
from outfold.hosts.archive import TABLES, Budget, Limits, Unpacked, extract, is_archive
from outfold.progress import Bar, Reporter


def unpack(
    archive: Path, into: Path, reporter: Reporter, *, limits: Limits | None = None
) -> tuple[dict[str, Unpacked], list[str]]:
    """Unpack ``archive`` into the empty folder ``into``, and the archives within it beside themselves.

    An archive within, with one thing at its top, is unpacked where it lies; with several, into a folder of its own
    name. It is then removed; a packed table (``.csv.gz``) is kept beside the unpacked one, since both can be read.
    More than a hundred archives within are samples, and stay as they are.

    Returns:
        What came out by its path below ``into``, archives that were removed included; and the names of those.

    Raises:
        DataError: the archive is damaged, or holds what is refused; ``into`` then holds rubbish.
    """
    limits = limits or Limits()
    into.mkdir(parents=True, exist_ok=True)
    budget = Budget(archive, into, limits)
    removed: list[str] = []
    with reporter.bar("unpack", None, unit="B") as bar:
        everything = extract(archive, into, budget, limits, bar)
        waiting = [(name, 1) for name in sorted(everything) if is_archive(name)]
        if len(waiting) > 100:
            reporter.note(f"{archive.name}: the {len(waiting)} archives in it were left packed")
            waiting = []
        while waiting:
            name, depth = waiting.pop()
            if depth > limits.depth:
                raise DataError(f"{name} lies {depth} archives deep; at most {limits.depth} are opened")
            came = _unpack_within(name, into, budget, limits, bar)
            clash = sorted(path for path in came if path in everything and everything[path] != came[path])
            if clash:
                raise DataError(f"{name} holds another {quoted(clash[0])} than the one beside it")
            everything.update(came)
            waiting += [(path, depth + 1) for path in sorted(came) if is_archive(path)]
            if not name.lower().endswith(TABLES):
                (into / name).unlink()
                removed.append(name)
    return everything, removed


def _unpack_within(name: str, into: Path, budget: Budget, limits: Limits, bar: Bar) -> dict[str, Unpacked]:
    """Unpack ``into/name`` beside itself; what came out, by its path below ``into``."""
    aside = into / f".{PurePosixPath(name).name}.unpacking"
    came = extract(into / name, aside, budget, limits, bar)
    tops = {PurePosixPath(path).parts[0] for path in came}
    home = PurePosixPath(name).parent
    if len(tops) > 1:
        home = home / _stem(PurePosixPath(name).name)
    placed = {}
    for path, facts in came.items():
        target = home / path
        placed[str(target)] = facts
        (into / target).parent.mkdir(parents=True, exist_ok=True)
        if (into / target).is_dir():
            raise DataError(f"{name} holds the file {quoted(path)}, and there is a folder of that name")
        if not (into / target).exists():
            (aside / path).rename(into / target)
    shutil.rmtree(aside)
    return placed


def _stem(name: str) -> str:
    lower = name.lower()
    double = next((end for end in (".tar.gz", ".tar.bz2", ".tar.xz") if lower.endswith(end)), None)
    return name[: -len(double or PurePosixPath(name).suffix)]
