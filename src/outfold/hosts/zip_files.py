"""Open an archive, trusting nothing in it: not the names, not the sizes, not that it ends.

Refused by name: absolute paths, ``..``, links and devices, encrypted members, two members of one name, and more than
a stated expansion. Every member is read to its end, so that its checksum is tested, and hashed on the way.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from outfold.errors import DataError, quoted
from outfold.file_kinds import is_system_file
from outfold.progress import Bar, Reporter

_CHUNK = 1 << 20
_FOREIGN = {".7z": "7z x", ".rar": "unrar x"}
_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
TABLES = (".csv.gz", ".tsv.gz", ".txt.gz", ".json.gz", ".jsonl.gz")


class Damaged(DataError):
    """An archive whose bytes are wrong: downloading it again may help."""


class NoRoom(DataError):
    """The disk is too small for what is packed."""


class Unpacked(NamedTuple):
    """A file that came out: its size in bytes and its SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Limits:
    """How much may come out of an archive.

    Args:
        ratio: bytes out for one byte in, over the whole archive and all that is nested in it; deflate's own limit is
            1,032, and a table of equal rows reaches 200.
        floor: so many bytes may come out whatever the ratio.
        total: bytes in all.
        spare: bytes of the disk that stay free.
        depth: archives within archives.
        members: files in one archive.
    """

    ratio: float = 300.0
    floor: int = 256 << 20
    total: int = 4 << 40
    spare: int = 64 << 20
    depth: int = 3
    members: int = 20_000_000


class Budget:
    """The bytes that may still be written, by an archive and all that is nested in it."""

    def __init__(self, archive: Path, into: Path, limits: Limits) -> None:
        self.archive = archive
        size = archive.stat().st_size
        self.allowed = min(limits.total, max(limits.floor, int(size * limits.ratio)))
        self.free = shutil.disk_usage(into).free - limits.spare
        self.spent = 0

    def check(self, more: int) -> None:
        """Refuse ``more`` bytes that are too many, before they are written."""
        if self.spent + more > self.allowed:
            raise DataError(
                f"{self.archive.name} would unpack to more than {self.allowed:,} bytes, which no honest archive of its"
                " size does: nothing of it was used"
            )
        if self.spent + more > self.free:
            raise NoRoom(
                f"{self.archive.name} unpacks to {self.spent + more:,} bytes or more; the disk has {self.free:,} free",
                remedy="Free some space, then run again: the download is kept.",
            )


class _Writer:
    """Writes members below a folder, counting and hashing them."""

    def __init__(self, into: Path, budget: Budget, bar: Bar) -> None:
        self.into, self.budget, self.bar = into, budget, bar
        self.written: dict[str, Unpacked] = {}

    def write(self, name: str, source: IO[bytes]) -> None:
        if name in self.written:
            raise DataError(f"{self.budget.archive.name} holds {name!r} twice")
        target = self.into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with target.open("xb") as out:
            while chunk := source.read(_CHUNK):
                self.budget.check(len(chunk))
                self.budget.spent += len(chunk)
                size += len(chunk)
                digest.update(chunk)
                out.write(chunk)
                self.bar.advance(len(chunk))
        self.written[name] = Unpacked(size, digest.hexdigest())


def is_archive(name: str) -> bool:
    """Whether a file of that name is one that :func:`extract` opens."""
    return name.lower().endswith((".zip", *_TARS, *TABLES))


def foreign(name: str) -> str | None:
    """The command that opens an archive which :func:`extract` cannot, or None for any other file."""
    return _FOREIGN.get(PurePosixPath(name.lower()).suffix)


def extract(archive: Path, into: Path, budget: Budget, limits: Limits, bar: Bar) -> dict[str, Unpacked]:
    """Unpack one archive, and none within it, into ``into``.

    Returns:
        What came out, by its path below ``into``.

    Raises:
        Damaged: its bytes are wrong.
        NoRoom: the disk is too small.
        DataError: it holds what is refused.
    """
    into.mkdir(parents=True, exist_ok=True)
    writer = _Writer(into, budget, bar)
    lower = archive.name.lower()
    try:
        if (command := foreign(lower)) is not None:
            raise DataError(f"{archive} cannot be opened here", remedy=f"Run `{command} {archive}`, then run again.")
        if lower.endswith(_TARS):
            _untar(archive, writer, limits)
        elif lower.endswith(".gz"):
            with gzip.open(archive) as source:
                writer.write(archive.name[:-3], source)  # type: ignore[arg-type]
        else:
            _unzip(archive, writer, limits)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, gzip.BadGzipFile) as error:
        raise Damaged(f"{archive.name} is damaged: {error}") from None
    except NotImplementedError as error:
        raise DataError(f"{archive.name} is packed in a way that is not known here: {error}") from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise DataError(f"{archive.name} holds a file and a folder of one name: {error.filename}") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoom(
                f"{archive.name}: no space left on the disk", remedy="Free some space, then run again."
            ) from None
        raise
    return writer.written


def _unzip(archive: Path, writer: _Writer, limits: Limits) -> None:
    with zipfile.ZipFile(archive) as source:
        members = list(_zip_members(source, archive, limits))
        # the sizes are a claim: the writer counts again
        writer.budget.check(sum(member.file_size for _, member in members))
        for name, member in members:
            with source.open(member) as opened:
                writer.write(name, opened)


def _zip_members(source: zipfile.ZipFile, archive: Path, limits: Limits) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    every = source.infolist()
    _check_count(len(every), archive, limits)
    for member in every:
        name = _safe(member.filename, archive)
        mode = member.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DataError(f"{archive.name} holds {member.filename!r}, which is a link or a device: refused")
        if member.flag_bits & 1:
            raise DataError(f"{archive.name} holds {member.filename!r}, which is encrypted")
        if not member.is_dir() and not is_system_file(name):
            yield name, member


def _untar(archive: Path, writer: _Writer, limits: Limits) -> None:
    with tarfile.open(archive, "r:*") as source:
        for count, member in enumerate(source, start=1):
            _check_count(count, archive, limits)
            if member.isdir():
                continue
            name = _safe(member.name, archive)
            if not member.isreg():
                raise DataError(f"{archive.name} holds {member.name!r}, which is a link or a device: refused")
            writer.budget.check(member.size)
            opened = source.extractfile(member)
            if opened is not None and not is_system_file(name):
                writer.write(name, opened)


def _check_count(count: int, archive: Path, limits: Limits) -> None:
    if count > limits.members:
        raise DataError(f"{archive.name} holds more than {limits.members:,} files")


def _safe(name: str, archive: Path) -> str:
    """The member's path with ``/`` and without ``.``; refused where it could lead out of the folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    drive = len(name) > 1 and name[1] == ":"
    if path.is_absolute() or drive or ".." in path.parts or "\0" in name or not path.parts:
        raise DataError(f"{archive.name} holds {name!r}, which leads out of its folder: refused")
    return str(path)


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
