"""What a file is, by its first bytes: a table that can be read, or another format, named with the way to a table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from outfold.errors import DataError

SNIFFED = 4_096
"""So many first bytes tell formats apart."""

PARQUET, ARROW = b"PAR1", b"ARROW1"
PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
"""Formats that hold one compressed file, by their first bytes; a zip archive may hold several."""


@dataclass(frozen=True)
class _Format:
    """A format that is no table: ``pattern`` matches its first bytes; ``remedy`` may name the file as ``{path}``."""

    name: str
    pattern: re.Pattern[bytes]
    remedy: str


def _starts(magic: bytes) -> re.Pattern[bytes]:
    return re.compile(re.escape(magic), re.DOTALL)


def _by_pandas(call: str) -> str:
    """The remedy that has pandas read a format and write a CSV."""
    program = f"import pandas; pandas.{call}.to_csv('{{path}}.csv', index=False)"
    return f'Save it as a table, and name that: `python -c "{program}"`.'


_SHEET = "Open it in a spreadsheet program, save the sheet as CSV (UTF-8), and name that file in competition.yaml."
_NO_TABLE = "Name the file that holds the rows in competition/competition.yaml."
_WITH_HEADER = "Save its table as a CSV with a line of column names, and name that."
_FORMATS = (
    _Format(
        "a web page (HTML)",
        re.compile(rb"\s*<(!doctype\b|(html|head|body|title|meta|link|table|div|p)[\s/>])", re.IGNORECASE),
        "A web page in its place is most often a request to sign in, or to accept the contest's rules: do that in a "
        "browser, remove the file, and download it again.",
    ),
    _Format("XML", re.compile(rb"\s*<\?xml\b"), _by_pandas("read_xml('{path}')")),
    _Format(
        "JSON lines",
        re.compile(rb'\s*\{(?:[^{}\[\]"\n]|"(?:[^"\\\n]|\\.)*")*\}\s*\r?\n\s*\{'),
        _by_pandas("read_json('{path}', lines=True)"),
    ),
    _Format("JSON", re.compile(rb'\s*(\[\s*[\[{]|\{\s*["}])'), _by_pandas("read_json('{path}')")),
    _Format(
        "a pointer of Git LFS in place of the file",
        _starts(b"version https://git-lfs.github.com/spec/"),
        "Fetch the file itself: `git lfs pull`.",
    ),
    _Format("an Excel workbook of the old kind (or another Office file)", _starts(b"\xd0\xcf\x11\xe0\xa1\xb1"), _SHEET),
    _Format(
        "a pickle",
        re.compile(rb"\x80[\x02-\x05].", re.DOTALL),
        "A pickle runs code when it is opened: do so only if you trust its source. "
        + _by_pandas("read_pickle('{path}')"),
    ),
    _Format(
        "a SQLite database",
        _starts(b"SQLite format 3\x00"),
        "Save its table as CSV, and name that: `sqlite3 -header -csv '{path}' 'select * from TABLE' > '{path}.csv'`.",
    ),
    _Format("an array of NumPy", _starts(b"\x93NUMPY"), _WITH_HEADER),
    _Format("HDF5", _starts(b"\x89HDF\r\n\x1a\n"), _WITH_HEADER),
    _Format("Feather of the first version", _starts(b"FEA1"), _by_pandas("read_feather('{path}')")),
    _Format("ORC", _starts(b"ORC"), _by_pandas("read_orc('{path}')")),
    _Format(
        "a file of R",
        re.compile(rb"RD[AX][23]\n|[XAB]\n\x00\x00\x00[\x02\x03]"),
        "Save it as CSV: in R, `write.csv(x, file, row.names = FALSE)`.",
    ),
    _Format(
        "an archive of 7-Zip", _starts(b"7z\xbc\xaf\x27\x1c"), "Unpack it (`7z x '{path}'`), and name the file in it."
    ),
    _Format("an archive of RAR", _starts(b"Rar!\x1a\x07"), "Unpack it (`unrar x '{path}'`), and name the file in it."),
    _Format(
        "a tar archive",
        re.compile(rb".{257}ustar", re.DOTALL),
        "Unpack it (`tar xf '{path}'`), and name the file in it.",
    ),
    _Format("a PDF", _starts(b"%PDF-"), _NO_TABLE),
    _Format("a PNG image", _starts(b"\x89PNG\r\n\x1a\n"), _NO_TABLE),
    _Format("a JPEG image", _starts(b"\xff\xd8\xff"), _NO_TABLE),
    _Format("a GIF image", re.compile(rb"GIF8[79]a"), _NO_TABLE),
    _Format("a TIFF image", re.compile(rb"II\*\x00|MM\x00\*"), _NO_TABLE),
    _Format("a program", re.compile(rb"\x7fELF|MZ[^,;\t\r\n]{0,64}\x00", re.DOTALL), _NO_TABLE),
)


def packed_as(start: bytes) -> str | None:
    """The compression of a file that begins so: gzip, bzip2, xz, zstd or zip; None where it is not compressed."""
    return next((name for magic, name in PACKED.items() if start.startswith(magic)), None)


def other_format(path: Path, start: bytes) -> DataError | None:
    """The refusal of a file whose first bytes say that it is no table; None for anything that may be text.

    Args:
        path: for the message and its remedy.
        start: the first bytes, :data:`SNIFFED` of them where there are so many.
    """
    start = start.removeprefix(b"\xef\xbb\xbf")
    for known in _FORMATS:
        if known.pattern.match(start):
            return refusal(path, known.name, known.remedy)
    return None


def refusal(path: Path, name: str, remedy: str) -> DataError:
    """A file is of another format than a table; the remedy may name it as ``{path}``."""
    return DataError(
        f"{path}: its first bytes say {name}; expected a table (CSV, plain or compressed, Parquet or Feather)",
        remedy=remedy.replace("{path}", str(path)),
    )


def archive_format(names: list[str]) -> tuple[str, str] | None:
    """What a zip archive of these members really is, and the remedy; None for an archive of files."""
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook", _SHEET
    if "content.xml" in names and "mimetype" in names:
        return "an OpenDocument sheet", _SHEET
    if any(name.startswith(("word/", "ppt/")) for name in names):
        return "an Office document", _NO_TABLE
    if names and all(name.endswith(".npy") for name in names):
        return "arrays of NumPy (npz)", _WITH_HEADER
    return None
