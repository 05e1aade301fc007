"""The first line of a CSV: its encoding, its line ends, what separates the fields, and the names of the columns."""

from __future__ import annotations

import codecs
import contextlib
import csv
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from outfold.errors import DataError, quoted, some

DELIMITERS = (",", "\t", ";", "|")
"""What may separate fields."""

RARE_DELIMITERS = ("^", "~", "\x01", " ")
"""What separates them in few files (blanks where R and NumPy print tables): tried last, and only if every row fits."""

LONGEST_NAME = 5_000
"""Characters of a column's name; more are no name, but a file of another form."""

_LOOKED_AT = 1 << 18
_ROWS = 50
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_EXCEL_SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


@dataclass(frozen=True)
class Header:
    """What the first line of a CSV says.

    Attributes:
        names: of the columns, stripped; one that is left blank is ``Unnamed: 0``, as pandas has it.
        delimiter: what separates the fields.
        start: where the rows begin, in bytes.
        lines: lines before the rows, for messages.
    """

    names: list[str]
    delimiter: str
    start: int
    lines: int


def to_utf8(path: Path, data: pa.Buffer) -> tuple[pa.Buffer, str | None]:
    """The text as UTF-8, and what it was written in where it says so: UTF-16 and UTF-32 are recognised.

    Raises:
        DataError: UTF-16 or UTF-32 that is damaged.
    """
    encoding = _wide_encoding(bytes(data[:_LOOKED_AT]))
    if encoding is None:
        return data, None
    try:
        text = data.to_pybytes().decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: {encoding} text that is cut short or damaged ({error.reason} at byte {error.start})",
            remedy="Remove it and download it again, or save it as UTF-8.",
        ) from None
    return pa.py_buffer(text.removeprefix("\ufeff").encode("utf-8", "replace")), encoding


def _wide_encoding(start: bytes) -> str | None:
    """UTF-16 or UTF-32, by the mark at its beginning or by the zeros between letters."""
    marks = (
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    )
    for mark, encoding in marks:
        if start.startswith(mark):
            return encoding
    even, odd = start[:2000:2], start[1:2000:2]
    if len(odd) >= 4:
        if odd.count(0) > 0.7 * len(odd) and 0 not in even:
            return "utf-16-le"
        if even.count(0) > 0.7 * len(even) and 0 not in odd:
            return "utf-16-be"
    return None


def read_header(path: Path, data: pa.Buffer) -> Header:
    """The column names, and what separates the fields: the mark by which the first rows have as many as the header.

    A name may be quoted and hold line breaks; lines may end in CR, LF or both; a first line ``sep=;`` is obeyed.

    Raises:
        DataError: a blank first line, a name that stands twice, a quote that is never closed, or bytes that are not
            UTF-8.
    """
    size = min(data.size, _LOOKED_AT)
    while True:
        text, error = _decoded(bytes(data[:size]), whole=size == data.size)
        header = _header(path, text, whole=size == data.size) if text or error is None else None
        if header is not None:
            return header
        if error is not None:
            raise not_utf8(path, data, error)
        if size == data.size:
            raise DataError(
                f"{path}: line 1: a quote is opened and never closed",
                remedy="Mend the names of the columns, or download the file again.",
            )
        size = min(data.size, size * 16)


def _decoded(start: bytes, *, whole: bool) -> tuple[str, UnicodeDecodeError | None]:
    """The text up to the first bytes that are none, and the error there; a letter that the end cuts in two is none."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(start, final=whole), None
    except UnicodeDecodeError as error:
        return start[: error.start].decode("utf-8"), error


def _header(path: Path, text: str, *, whole: bool) -> Header | None:
    """The header, if the text holds its end."""
    mark = "\ufeff" * (len(text) - len(text.lstrip("\ufeff")))
    lines = [found.group() for found in _LINE.finditer(text, len(mark)) if found.group()]
    wished = _EXCEL_SEPARATOR.fullmatch(lines[0].rstrip("\r\n")) if lines else None
    before = [mark, lines.pop(0)] if wished else [mark]
    while lines and not lines[0].strip():
        before.append(lines.pop(0))
    if not lines:
        return None
    readings = [_reading(lines, delimiter, whole) for delimiter in ((wished[1],) if wished else DELIMITERS)]
    rare = [_reading(lines, delimiter, whole) for delimiter in RARE_DELIMITERS]
    best = _best(*([reading for reading in several if reading is not None] for several in (readings, rare)))
    if best is None:
        return None
    names = [name.strip() or f"Unnamed: {position}" for position, name in enumerate(best.names)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: line 1: the column {some(twice)} stands more than once", remedy="Rename one of them.")
    _refuse_odd_forms(path, names, lines)
    longest = max(names, key=len)
    if len(longest) > LONGEST_NAME:
        raise DataError(
            f"{path}: line 1: the name of a column has {len(longest):,} characters: {quoted(longest)}",
            remedy="Give the columns names in the first line, each in a few words.",
        )
    start = len("".join([*before, *lines[: best.lines]]).encode("utf-8"))
    return Header(names, best.delimiter, start, len(before) - 1 + best.lines)


@dataclass(frozen=True)
class _Reading:
    """The header by one delimiter, and how many fields the first rows then have."""

    delimiter: str
    names: list[str]
    lines: int
    widths: list[int]

    @property
    def fits_throughout(self) -> bool:
        return len(self.names) > 1 and bool(self.widths) and all(width == len(self.names) for width in self.widths)

    @property
    def rank(self) -> tuple[float, int, bool]:
        """By the share of rows that fit, then by the fields; a comma is rather part of a name than another mark is."""
        fitting = sum(width == len(self.names) for width in self.widths)
        return fitting / max(len(self.widths), 1), len(self.names), self.delimiter != ","


def _best(readings: list[_Reading], rare: list[_Reading]) -> _Reading | None:
    """The reading that fits best; by a rare mark only where no other is in the header and every row fits."""
    several = [reading for reading in readings if len(reading.names) > 1]
    if several:
        return max(several, key=lambda reading: reading.rank)
    return next((reading for reading in rare if reading.fits_throughout), readings[0] if readings else None)


def _refuse_odd_forms(path: Path, names: list[str], lines: list[str]) -> None:
    """Tables that are none of the forms of CSV, by their first lines.

    Raises:
        DataError: names in single quotes, or columns that are aligned by several blanks.
    """
    if len(names) > 1 and all(len(name) > 1 and name[0] == name[-1] == "'" for name in names):
        raise DataError(
            f"{path}: line 1: the names stand in single quotes; a CSV has double ones",
            remedy=f"Write them so: `sed -i \"s/'/\\\"/g\" '{path}'`.",
        )
    widths = {len(line.split()) for line in lines[:_ROWS] if line.strip()}
    if len(names) == 1 and len(lines) > 1 and len(widths) == 1 and "  " in lines[0].strip() and widths != {1}:
        raise DataError(
            f"{path}: its columns are aligned by blanks; expected one separator between two fields",
            remedy=f"Write commas: `sed -E -i 's/^ +//; s/ +$//; s/ +/,/g' '{path}'`.",
        )


def _reading(lines: list[str], delimiter: str, whole: bool) -> _Reading | None:
    """The header and the widths of the first rows; None where the lines end within the header."""
    try:
        reader = csv.reader(iter(lines), delimiter=delimiter)
        names = next(reader)
    except csv.Error:
        return None
    end = reader.line_num
    if end == len(lines) and (not whole or _unclosed(lines, delimiter)):
        return None
    widths: list[int] = []
    with contextlib.suppress(csv.Error):  # a cell that is longer than the module takes
        widths.extend(len(row) for row in islice(reader, _ROWS) if row and (whole or reader.line_num < len(lines)))
    return _Reading(delimiter, names, end, widths)


def _unclosed(lines: list[str], delimiter: str) -> bool:
    """Whether the header, which takes all lines, ends within a quote."""
    try:
        next(csv.reader(iter(lines), delimiter=delimiter, strict=True))
    except csv.Error:
        return True
    return False


def not_utf8(path: Path, data: pa.Buffer, error: UnicodeDecodeError) -> DataError:
    """The refusal of bytes that are no UTF-8, with their line."""
    before = bytes(data[: error.start])
    line = len(re.findall(rb"\r\n|\r|\n", before)) + 1
    cell = bytes(data[max(0, error.start - 10) : error.start + 10])
    shown = re.split(r"[\r\n]", cell.decode("cp1252", "replace"))
    word = next((piece for piece in shown if any(ord(letter) > 127 for letter in piece)), shown[0])
    return DataError(
        f"{path}: line {line}: not UTF-8 text ({error.reason} at byte {error.start}; "
        f"in Windows-1252 it is {quoted(word)})",
        remedy=f"Save it as UTF-8: `iconv -f WINDOWS-1252 -t UTF-8 '{path}' > new.csv`, with the encoding that it has.",
    )
