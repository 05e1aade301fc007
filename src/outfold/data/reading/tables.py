"""Tables as downloaded, read once: CSV (also compressed), Parquet, Feather; and a copy of what was slow to parse."""

from __future__ import annotations

import codecs
import glob
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from outfold.data.parallel_map import side_by_side
from outfold.data.reading.arrow_types import to_pandas
from outfold.data.reading.column_notes import remark
from outfold.data.reading.column_types import typed, typed_target
from outfold.data.reading.csv_text import read_csv_text, read_names
from outfold.data.reading.file_bytes import first_bytes
from outfold.data.reading.file_formats import ARROW, PARQUET, other_format, packed_as, refusal
from outfold.errors import DataError, shorten, some
from outfold.memory import give_back
from outfold.store.atomic import atomic_path
from outfold.store.file_record import discard, is_intact, seal
from outfold.store.fingerprint import fingerprint

REVISION = 4
"""Raised when the same file would be read otherwise: older copies are then not taken."""

CACHE_FROM_BYTES = 1 << 20
"""Smaller files are parsed faster than a copy of them is written safely."""

_TOLD = b"outfold"
"""Where a copy keeps what its reader should be told."""


@dataclass(frozen=True)
class Table:
    """A table as read, with what the reader should be told about it.

    Attributes:
        notes: of the whole table.
        remarks: of single columns, by their names.
    """

    path: Path
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    remarks: dict[str, str] = field(default_factory=dict)


def _is_columnar(path: Path) -> bool:
    """Whether a file is Parquet or Feather: by its first bytes, whatever its name.

    Raises:
        DataError: it is not there, or its name says Parquet and its first bytes something else.
    """
    start = first_bytes(path)
    if start.startswith((PARQUET, ARROW)):
        return True
    if path.suffix.lower() not in (".parquet", ".pq"):
        return False
    packing = packed_as(start)
    if packing is not None:
        raise refusal(path, packing, "Unpack it, and name the file in it.")
    refused = other_format(path, start)
    if refused is not None:
        raise refused
    return not _is_text(start)


def _is_text(start: bytes) -> bool:
    """Whether first bytes are UTF-8, but for a letter that the end cuts."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return b"\0" not in start


def column_names(path: Path) -> list[str]:
    """The names of a table's columns.

    Raises:
        DataError: as :func:`read_table`.
    """
    return _columnar_names(path) if _is_columnar(path) else read_names(path)


def read_table(
    path: Path, *, verbatim: Collection[str] = (), targets: Collection[str] = (), cache: Path | None = None
) -> Table:
    """Read a table, its types inferred.

    Args:
        path: Parquet, Feather or CSV, told apart by the first bytes; a compressed CSV is unpacked.
        verbatim: columns of a CSV that stay the text that they are, where only an empty cell is missing (``007`` is an
            id, ``NA`` a class).
        targets: columns of a CSV that become numbers where every cell is one, and else stay the text that they are.
        cache: folder for a Parquet copy of a large CSV, made on the first reading and taken as long as the file's size
            and time stamp stay what they were.

    Raises:
        DataError: missing, no regular file, of another format (named), empty, truncated, without rows, not UTF-8, or a
            column that stands twice.
    """
    if _is_columnar(path):
        return Table(path, to_pandas(_read_columnar(path)))
    copy = _copy_of(path, verbatim, targets, cache)
    if copy is not None and is_intact(copy):
        try:
            return _from_copy(path, copy)
        except (pa.ArrowException, OSError):
            discard(copy)
    table, notes, remarks = _parsed(path, verbatim, targets)
    if copy is None:
        return Table(path, to_pandas(table), notes, remarks)
    _remove_older(path, copy)
    with atomic_path(copy) as beside:
        told = json.dumps({"notes": notes, "remarks": remarks})
        pq.write_table(table.replace_schema_metadata({_TOLD: told}), beside, compression="lz4")
        seal(copy, beside)
    del table
    give_back()
    return _from_copy(path, copy)


def _parsed(
    path: Path, verbatim: Collection[str], targets: Collection[str]
) -> tuple[pa.Table, tuple[str, ...], dict[str, str]]:
    """A CSV's columns, and what should be told of them: see :class:`Table`."""
    content = read_csv_text(path)
    text, notes = content.table, content.notes
    names, rows = text.column_names, text.num_rows
    # a column's text is let go of when it is read, so that no two whole tables are held
    waiting = dict(zip(names, text.columns, strict=True))
    del text, content

    def read(name: str) -> tuple[pa.ChunkedArray, str | None]:
        cells = waiting.pop(name)
        if name in verbatim or name in targets:
            return (cells if name in verbatim else typed_target(cells)), None
        found = typed(cells)
        return found, remark(name, cells, found)

    columns = dict(zip(names, side_by_side(read, names, rows), strict=True))
    table = pa.table({name: found for name, (found, _) in columns.items()})
    remarks = {name: said for name, (_, said) in columns.items() if said is not None}
    return table, notes, remarks


def _copy_of(path: Path, verbatim: Collection[str], targets: Collection[str], cache: Path | None) -> Path | None:
    """Where the Parquet copy of a CSV lies, by everything that it depends on; None where none is worth while."""
    if cache is None or not path.is_file():
        return None
    stat = path.stat()
    if stat.st_size < CACHE_FROM_BYTES:
        return None
    state = fingerprint(size=stat.st_size, mtime_ns=stat.st_mtime_ns, revision=REVISION)
    kind = fingerprint(verbatim=sorted(verbatim), targets=sorted(targets))
    return cache / "tables" / f"{_stem(path)}{state[:16]}-{kind[:16]}.parquet"


def _stem(path: Path) -> str:
    return f"{path.name}-{fingerprint(path=str(path.absolute()))[:8]}-"


def _remove_older(path: Path, copy: Path) -> None:
    """Remove the copies of a file as it was before; those of its present state, read otherwise, stay."""
    state = copy.name.removeprefix(_stem(path)).partition("-")[0]
    for old in copy.parent.glob(f"{glob.escape(_stem(path))}*.parquet"):
        if not old.name.startswith(f"{_stem(path)}{state}-"):
            discard(old)


def _from_copy(path: Path, copy: Path) -> Table:
    table = pq.read_table(copy, memory_map=True)
    told = json.loads(table.schema.metadata[_TOLD])
    return Table(path, to_pandas(table.replace_schema_metadata(None)), tuple(told["notes"]), told["remarks"])


def _is_arrow(path: Path) -> bool:
    return first_bytes(path).startswith(ARROW)


def _columnar_names(path: Path) -> list[str]:
    try:
        if _is_arrow(path):
            with pa.memory_map(str(path)) as file:
                return [str(name) for name in pa.ipc.open_file(file).schema.names]
        return [str(name) for name in pq.read_schema(path).names]
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None


def _read_columnar(path: Path) -> pa.Table:
    names = _columnar_names(path)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: the column {some(twice)} stands more than once", remedy="Rename one of them.")
    try:
        table = _read_arrow(path) if _is_arrow(path) else pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None
    if table.num_rows == 0:
        raise DataError(f"{path}: there are columns and no rows", remedy="Download it again.")
    # what pandas noted about its index would turn a column, the id perhaps, into an index
    return table.replace_schema_metadata(None)


def _read_arrow(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def _damaged(path: Path, error: Exception) -> DataError:
    kind = "Feather" if _is_arrow(path) else "Parquet"
    return DataError(f"{path}: not a readable {kind} file ({shorten(error)})", remedy="Download it again.")
