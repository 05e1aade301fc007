"""The bytes of a table's file: a regular file, mapped into memory; a compressed one unpacked, within a bound."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from outfold.data.reading.file_formats import SNIFFED, archive_format, other_format, packed_as, refusal
from outfold.errors import DataError, shorten, some
from outfold.file_kinds import endless_kind, is_system_file

_CHUNK = 1 << 22

LARGEST_RATIO, ALWAYS_ALLOWED = 300, 256 << 20
"""A compressed table may grow so many times, and to so many bytes in any case; a table of equal rows reaches 200."""

_DAMAGED = (
    EOFError,
    zlib.error,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zipfile.BadZipFile,
    pa.ArrowException,
    NotImplementedError,
)


def require_file(path: Path) -> None:
    """Refuse a path whose opening may never end, or which is no file.

    Raises:
        DataError: there is nothing, or no regular file, at the path (after links).
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise unreadable(path, error) from None
    kind = "a folder" if stat.S_ISDIR(mode) else endless_kind(mode)
    if kind is not None:
        raise DataError(f"{path}: this is {kind}; expected a file", remedy="Put the file itself there.")


def unreadable(path: Path, error: OSError) -> DataError:
    """Why a path cannot be read, and what to do."""
    if path.is_symlink() and isinstance(error, FileNotFoundError):
        return DataError(
            f"{path}: a link to {path.readlink()}, which is not there", remedy="Mend the link, or put the file there."
        )
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return DataError(f"{path}: no such file")
    remedy = "Give yourself the permission: `chmod u+r` it." if isinstance(error, PermissionError) else None
    return DataError(f"{path}: cannot be read ({error.strerror})", remedy=remedy)


def first_bytes(path: Path) -> bytes:
    """The first :data:`SNIFFED` bytes of a regular file.

    Raises:
        DataError: it is not there, no regular file, or cannot be read.
    """
    require_file(path)
    try:
        with path.open("rb") as file:
            return file.read(SNIFFED)
    except OSError as error:
        raise unreadable(path, error) from None


def table_bytes(path: Path) -> pa.Buffer:
    """The text of a table: mapped into memory, or unpacked (gzip, bzip2, xz, zstd, or a zip archive of one file).

    Raises:
        DataError: no such file, no regular file, one of another format (named by its first bytes), a compressed file
            that is cut short or damaged, or that unpacks to more than its bound.
    """
    start = first_bytes(path)
    packing = packed_as(start)
    if packing is not None:
        data = _unpacked(path, packing)
        start = bytes(data[:SNIFFED])
        if packed_as(start) is not None:
            raise refusal(path, f"{packed_as(start)} within {packing}", "Unpack it twice, and name the file in it.")
        if start.startswith((b"PAR1", b"ARROW1")):
            raise refusal(path, f"{packing} around a Parquet or Feather file", "Unpack it, and name the file in it.")
    else:
        data = _mapped(path)
    refused = other_format(path, start)
    if refused is not None:
        raise refused
    return data


def _mapped(path: Path) -> pa.Buffer:
    try:
        if path.stat().st_size == 0:
            return pa.py_buffer(b"")
        with pa.memory_map(str(path)) as file:
            return file.read_buffer()
    except OSError as error:
        raise unreadable(path, error) from None


def _unpacked(path: Path, packing: str) -> pa.Buffer:
    size = path.stat().st_size
    allowed = min(max(ALWAYS_ALLOWED, size * LARGEST_RATIO), _memory())
    out = pa.BufferOutputStream()
    try:
        with ExitStack() as stack:
            source = _opened(path, packing, stack)
            while chunk := source.read(_CHUNK):
                if out.tell() + len(chunk) > allowed:
                    raise DataError(
                        f"{path}: {size:,} bytes of {packing} unpack to more than {allowed:,}: more than "
                        "a table does, or than this machine holds",
                        remedy="If the file is what it should be, unpack it yourself, and name the unpacked file.",
                    )
                out.write(chunk)
    except _DAMAGED as error:
        raise _damaged(path, packing, error) from None
    except OSError as error:
        # bz2 has no error of its own
        if error.errno is None:
            raise _damaged(path, packing, error) from None
        raise unreadable(path, error) from None
    return out.getvalue()


def _damaged(path: Path, packing: str, error: Exception) -> DataError:
    return DataError(
        f"{path}: the {packing} file is cut short or damaged ({shorten(error)})",
        remedy="Remove it and download it again.",
    )


def _opened(path: Path, packing: str, stack: ExitStack) -> IO[bytes] | Any:
    if packing == "zip":
        return _only_member(path, stack)
    if packing == "zstd":
        return stack.enter_context(pa.CompressedInputStream(stack.enter_context(pa.OSFile(str(path))), "zstd"))
    opener: dict[str, Callable[[Path], Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
    return stack.enter_context(opener[packing](path))


def _only_member(path: Path, stack: ExitStack) -> IO[bytes]:
    """The one file of a zip archive, opened; files of a computer's system beside it do not count."""
    archive = stack.enter_context(zipfile.ZipFile(path))
    files = [info.filename for info in archive.infolist() if not info.is_dir()]
    names = [name for name in files if not is_system_file(name)]
    known = archive_format(names)
    if known is not None:
        raise refusal(path, *known)
    if len(names) != 1:
        raise DataError(
            f"{path}: a zip archive of {len(names)} files ({some(names)}); expected a table",
            remedy=f"Unpack it (`unzip '{path}'`), and name the file that is in it.",
        )
    if archive.getinfo(names[0]).flag_bits & 1:
        raise DataError(f"{path}: {shorten(names[0])} is encrypted", remedy="Unpack it with its password, and name it.")
    return stack.enter_context(archive.open(names[0]))


def _memory() -> int:
    """Half of this machine's memory, in bytes: enough for one table's text."""
    import psutil

    return int(psutil.virtual_memory().total // 2)
