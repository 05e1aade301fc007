"""A CSV file as columns of text, refused where a row does not fit its header: nothing is guessed, nothing is padded."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc_csv

from outfold.data.reading.csv_header import Header, not_utf8, read_header, to_utf8
from outfold.data.reading.file_bytes import table_bytes
from outfold.errors import DataError, quoted, shorten

BLOCK_BYTES = 1 << 24
LARGEST_BLOCK = (1 << 31) - 1
_BLANK = b" \t\n\r\x0b\x0c"
_END_OF_DOS = b"\x1a"
_MORE_ROWS = 200
_CUT_SHORT = "A file cut short ends like this: download it again, or mend the line."


@dataclass(frozen=True)
class CsvText:
    """A CSV as columns of text, empty cells as null, and what its reader should be told."""

    table: pa.Table
    notes: tuple[str, ...] = ()


def read_names(path: Path) -> list[str]:
    """The names of a CSV's columns.

    Raises:
        DataError: as :func:`read_csv_text`.
    """
    return read_header(path, _text(path)[0]).names


def _text(path: Path) -> tuple[pa.Buffer, str | None]:
    """The file's text as UTF-8, and its encoding where that is another."""
    data, encoding = to_utf8(path, table_bytes(path))
    if not any(piece.strip(_BLANK) for piece in _pieces(data)):
        raise DataError(
            f"{path}: the file is empty; expected a line of column names, then rows", remedy="Download it again."
        )
    return data, encoding


def _pieces(data: pa.Buffer) -> Iterator[bytes]:
    """The bytes a block at a time, so that no copy of a large file is made."""
    for start in range(0, data.size, BLOCK_BYTES):
        yield bytes(data[start : start + BLOCK_BYTES])


def read_csv_text(path: Path) -> CsvText:
    """Every column of a CSV as text, empty cells as null; the file may be compressed.

    Raises:
        DataError: a file of another format, a row with more or fewer fields than the header (its line named), an
            unclosed quote, no rows at all, or bytes that are no text.
    """
    data, encoding = _text(path)
    header = read_header(path, data)
    end = data.size - bytes(data[-1:]).count(_END_OF_DOS)
    rows = data.slice(header.start, max(end - header.start, 0))
    if not any(piece.strip(_BLANK) for piece in _pieces(rows)):
        told = f": {quoted(header.names[0])}" if len(header.names) == 1 else ""
        raise DataError(f"{path}: there is a header and no rows{told}", remedy="Download it again.")
    table = _table(path, data, rows, header)
    return CsvText(table, tuple(_notes(path, rows, header, encoding)))


def _table(path: Path, data: pa.Buffer, rows: pa.Buffer, header: Header) -> pa.Table:
    # an odd number of quotes is legal (5" pipe) or a file cut in the middle of a cell: only a close look can tell
    quotes = sum(piece.count(b'"') for piece in _pieces(rows))
    if quotes % 2:
        _diagnose(path, data, rows, header)
    # without a quote no cell has several lines, and blocks are cut at any line's end
    read = partial(_parse, rows, header, quotes > 0)
    try:
        return read(BLOCK_BYTES)
    except pa.ArrowInvalid as error:
        _diagnose(path, data, rows, header)
        try:
            # a single cell may be longer than a block
            return read(min(rows.size + 1, LARGEST_BLOCK))
        except pa.ArrowInvalid:
            raise DataError(f"{path}: not a CSV that can be read ({shorten(error)})") from None


def _notes(path: Path, rows: pa.Buffer, header: Header, encoding: str | None) -> Iterator[str]:
    if encoding is not None:
        yield f"{path.name}: read as {encoding.upper()} text"
    mark = header.delimiter
    if mark != "," and not (mark == "\t" and ".tsv" in path.name.lower()):
        yield f"{path.name}: its fields were taken to be separated by {quoted(mark)}, by which the rows fit the header"
    zeros = sum(piece.count(b"\0") for piece in _pieces(rows))
    if zeros:
        yield f"{path.name}: {zeros:,} zero bytes stand in its text, as in files that were damaged"


def _parse(rows: pa.Buffer, header: Header, quoted: bool, block: int) -> pa.Table:
    return pc_csv.read_csv(
        pa.BufferReader(rows),
        read_options=pc_csv.ReadOptions(column_names=header.names, block_size=block),
        parse_options=pc_csv.ParseOptions(delimiter=header.delimiter, newlines_in_values=quoted),
        convert_options=pc_csv.ConvertOptions(
            column_types=dict.fromkeys(header.names, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )


def _diagnose(path: Path, data: pa.Buffer, cells: pa.Buffer, header: Header) -> None:
    """Raise what is wrong with the file, with its line; return if nothing is."""
    try:
        text = cells.to_pybytes().decode("utf-8")
    except UnicodeDecodeError as error:
        error.start += header.start
        raise not_utf8(path, data, error) from None
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=header.delimiter, strict=True)
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    start = header.lines + 1
    try:
        for row in rows:
            if row and len(row) != len(header.names):
                raise _misfit(path, start, header, [row, *islice(rows, _MORE_ROWS)])
            start = header.lines + rows.line_num + 1
    except csv.Error as error:
        cut = "unexpected end" in str(error)
        told = "a quote is opened and never closed" if cut else f"a quote stands where none may ({error})"
        raise DataError(
            f"{path}: line {start}: {told}",
            remedy=_CUT_SHORT if cut else "A quote inside a quoted cell is written twice: mend the line.",
        ) from None


def _misfit(path: Path, line: int, header: Header, rows: list[list[str]]) -> DataError:
    """A row of more or fewer fields than the header; where all rows have one more, what that most often is."""
    fields, expected = len(rows[0]), len(header.names)
    kind = "only " if fields < expected else ""
    message = f"{path}: line {line}: {kind}{fields} fields where the header has {expected}"
    remedy = _CUT_SHORT
    if expected == 1 and line == header.lines + 1 and fields > 1:
        message += f"; is {quoted(header.names[0])} a title, or a comment?"
        remedy = f"The names of the columns come first: `sed -i '1,{header.lines}d' '{path}'`."
    elif line == header.lines + 1 and len(rows) > 1 and all(len(row) == expected + 1 for row in rows if row):
        if all(not row[-1] for row in rows if row):
            message += ", and so has every row: each ends with a separator that the header lacks"
            remedy = f"Add one to the header: `sed -i '{header.lines}s/\\r*$/{header.delimiter}/' '{path}'`."
        else:
            message += ", and so has every row: the first column has no name, as R writes row numbers"
            remedy = f"Give it one: `sed -i '{header.lines}s/^/row{header.delimiter}/' '{path}'`."
    return DataError(message, remedy=remedy)
