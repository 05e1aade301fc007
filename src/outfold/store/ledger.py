"""``submissions/ledger.csv``: every file that was sent, and what it scored. A plain CSV that opens anywhere."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from outfold.errors import DataError, quoted
from outfold.store.atomic import write_text

COLUMNS = (
    "time",
    "file",
    "sha256",
    "members",
    "oof_score",
    "honest_score",
    "status",
    "public_score",
    "private_score",
    "message",
)
NUMBERS = ("oof_score", "honest_score", "public_score", "private_score")
"""Columns of scores: float64 when read, NaN where there is none."""


def read(path: Path) -> pd.DataFrame:
    """The ledger, oldest first, one row a file sent; empty with the same columns where there is none yet.

    Raises:
        DataError: the file is not a ledger as this module writes it, naming the line.
    """
    table = pd.DataFrame(_rows(path), columns=list(COLUMNS), dtype=object)
    return table.assign(**{name: [float(cell or "nan") for cell in table[name]] for name in NUMBERS}).astype(
        dict.fromkeys(NUMBERS, "float64")
    )


@contextlib.contextmanager
def locked(path: Path, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the ledger: other processes that want to look up, send and record wait until the block ends.

    The lock goes with the process, however it ends. A block within a block of the same process is one with it.

    Args:
        on_wait: called once where another process holds it.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.absolute().with_name(f".{path.name}.lock"), is_singleton=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if on_wait is not None:
            on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def append(path: Path, **row: Any) -> None:
    """Add a row at the end; columns left out are empty.

    Raises:
        DataError: the ledger is damaged: it is left as it is.
        TypeError: a column that the ledger does not have.
    """
    _check_names(row)
    with locked(path):
        _write(path, [*_rows(path), {name: _cell(name, row.get(name)) for name in COLUMNS}])


def update(path: Path, sha256: str, **changes: Any) -> None:
    """Change the latest row of the file with that hash; columns left out stay as they are.

    Raises:
        DataError: no row has the hash, or the ledger is damaged: it is left as it is.
        TypeError: a column that the ledger does not have.
    """
    _check_names(changes)
    with locked(path):
        rows = _rows(path)
        for row in reversed(rows):
            if row["sha256"] == sha256:
                row.update({name: _cell(name, value) for name, value in changes.items()})
                break
        else:
            raise DataError(f"{path}: no submission with the hash {sha256[:12]}... is in the ledger")
        _write(path, rows)


def _check_names(row: dict[str, Any]) -> None:
    unknown = sorted(set(row) - set(COLUMNS))
    if unknown:
        raise TypeError(f"the ledger has no column {', '.join(unknown)}")


def _cell(name: str, value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    return repr(float(value)) if name in NUMBERS else str(value)


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return []
    except UnicodeDecodeError:
        raise _damaged(path, "it is not UTF-8 text") from None
    if not text:
        raise _damaged(path, "it is empty, without even its header")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = []
    try:
        header = next(reader)
        if header != list(COLUMNS):
            raise _damaged(path, f"line 1 must be {','.join(COLUMNS)}")
        for cells in reader:
            if len(cells) != len(COLUMNS):
                raise _damaged(path, f"line {reader.line_num} has {len(cells)} cells; expected {len(COLUMNS)}")
            row = dict(zip(COLUMNS, cells, strict=True))
            for name in NUMBERS:
                if row[name] and not _is_number(row[name]):
                    raise _damaged(path, f"line {reader.line_num}: {name} is {quoted(row[name])}, which is no number")
            rows.append(row)
    except csv.Error as error:
        raise _damaged(path, f"line {reader.line_num}: {error}") from None
    return rows


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _damaged(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: the ledger is damaged: {why}",
        remedy="It was left as it is: mend it by hand, or move it away and a new one is begun.",
    )


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    text = io.StringIO(newline="")
    # with the line ends of RFC 4180 a lone carriage return inside a cell is quoted, too
    writer = csv.DictWriter(text, fieldnames=list(COLUMNS), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
