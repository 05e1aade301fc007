"""A CSV file as columns of text, refused where a row does not fit its header: nothing is guessed, nothing is padded."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc_csv

from outfold.errors import DataError, some

BLOCK_BYTES = 1 << 24
LARGEST_BLOCK = (1 << 31) - 1
_BLANK = b" \t\n\r\x0b\x0c"


def read_buffer(path: Path) -> pa.Buffer:
    """The file's bytes, mapped into memory; unpacked where the name ends in ``.gz``.

    Raises:
        DataError: no such file, an empty one, or a gzip file that is cut short.
    """
    try:
        data = _unpacked(path)
    except (FileNotFoundError, IsADirectoryError):
        raise DataError(f"{path}: no such file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: the gzip file is cut short or damaged ({error})", remedy="Remove it and download it again."
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if not any(piece.strip(_BLANK) for piece in _pieces(data)):
        raise DataError(
            f"{path}: the file is empty; expected a line of column names, then rows", remedy="Download it again."
        )
    start = bytes(data[:4])
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{path}: UTF-16 text; expected UTF-8", remedy="Save it as UTF-8.")
    if start == b"PK\x03\x04":
        raise DataError(f"{path}: a zip archive; expected a table", remedy="Unzip it, and name the file that is in it.")
    return data


def _unpacked(path: Path) -> pa.Buffer:
    if path.suffix.lower() == ".gz":
        return pa.py_buffer(gzip.decompress(path.read_bytes()))
    if not path.is_file() or path.stat().st_size == 0:
        return pa.py_buffer(path.read_bytes())
    with pa.memory_map(str(path)) as file:
        return file.read_buffer()


def _pieces(data: pa.Buffer) -> Iterator[bytes]:
    """The bytes a block at a time, so that no copy of a large file is made."""
    for start in range(0, data.size, BLOCK_BYTES):
        yield bytes(data[start : start + BLOCK_BYTES])


def _first_line(data: pa.Buffer) -> bytes:
    line = b""
    for piece in _pieces(data):
        start, end, _ = piece.partition(b"\n")
        line += start
        if end:
            break
    return line


def read_header(path: Path, data: pa.Buffer) -> tuple[list[str], str]:
    """The column names, and what separates the fields.

    A header without a comma may use ``;`` or a tab; a name that is left blank becomes ``Unnamed: 0``, as pandas has it.

    Raises:
        DataError: a name stands twice, or the header is no text.
    """
    first = _first_line(data)
    if not first.strip():
        raise DataError(f"{path}: line 1: blank; expected the names of the columns")
    try:
        text = first.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, data, error) from None
    delimiter = "," if "," in text else next((mark for mark in ("\t", ";") if mark in text), ",")
    names = [name.strip() for name in next(csv.reader([text], delimiter=delimiter), [])]
    names = [name or f"Unnamed: {position}" for position, name in enumerate(names)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: line 1: the column {some(twice)} stands more than once", remedy="Rename one of them.")
    return names, delimiter


def parse(path: Path, data: pa.Buffer) -> tuple[pa.Table, str]:
    """Every column as text, empty cells as null.

    Returns:
        the table, and the delimiter.

    Raises:
        DataError: a row with more or fewer fields than the header (its line named), an unclosed quote, no rows at all,
            or bytes that are not UTF-8.
    """
    names, delimiter = read_header(path, data)
    # an odd number of quotes is legal (5" pipe) or a file cut in the middle of a cell: only a close look can tell
    quotes = sum(piece.count(b'"') for piece in _pieces(data))
    if quotes % 2:
        _diagnose(path, data, names, delimiter)
    # without a quote no cell has several lines, and blocks are cut at any line's end
    read = partial(_parse, data, names, delimiter, quotes > 0)
    try:
        table = read(BLOCK_BYTES)
    except pa.ArrowInvalid as error:
        _diagnose(path, data, names, delimiter)
        try:
            # a single cell may be longer than a block
            table = read(min(data.size + 1, LARGEST_BLOCK))
        except pa.ArrowInvalid:
            raise DataError(f"{path}: not a CSV that can be read ({error})") from None
    if table.num_rows == 0:
        raise DataError(f"{path}: there is a header and no rows", remedy="Download it again.")
    return table, delimiter


def _parse(data: pa.Buffer, names: list[str], delimiter: str, quoted: bool, block: int) -> pa.Table:
    return pc_csv.read_csv(
        pa.BufferReader(data),
        read_options=pc_csv.ReadOptions(column_names=names, skip_rows_after_names=0, skip_rows=1, block_size=block),
        parse_options=pc_csv.ParseOptions(delimiter=delimiter, newlines_in_values=quoted),
        convert_options=pc_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )


def _diagnose(path: Path, data: pa.Buffer, names: list[str], delimiter: str) -> None:
    """Raise what is wrong with the file, with its line; return if nothing is."""
    try:
        text = data.to_pybytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, data, error) from None
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    start = 1
    try:
        for row in rows:
            if row and len(row) != len(names):
                kind = "only " if len(row) < len(names) else ""
                raise DataError(
                    f"{path}: line {start}: {kind}{len(row)} fields where the header has {len(names)}",
                    remedy="A file cut short ends like this: download it again, or mend the line.",
                )
            start = rows.line_num + 1
    except csv.Error as error:
        cut = "unexpected end" in str(error)
        told = "a quote is opened and never closed" if cut else f"a quote stands where none may ({error})"
        remedy = "A file cut short ends like this: download it again, or mend the line."
        raise DataError(
            f"{path}: line {start}: {told}",
            remedy=remedy if cut else "A quote inside a quoted cell is written twice: mend the line.",
        ) from None


def _not_utf8(path: Path, data: pa.Buffer, error: UnicodeDecodeError) -> DataError:
    line = bytes(data[: error.start]).count(b"\n") + 1
    return DataError(
        f"{path}: line {line}: not UTF-8 text ({error.reason} at byte {error.start})", remedy="Save it as UTF-8."
    )
