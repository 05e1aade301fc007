"""The names of images, from a template over columns such as ``train/{id[0]}/{id}.jpg``, or from a column."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from string import Formatter

import numpy as np
import pandas as pd

from outfold.errors import ConfigError, DataError, nearest, quoted, some

_SLICED = re.compile(r"(?P<column>.+?)\[(?P<start>-?\d+)?(?P<colon>:)?(?P<stop>-?\d+)?\]")
_WHERE = "competition/competition.yaml: columns.image"


def template_fields(source: str) -> list[str]:
    """The columns that a template names in braces, without their slices; none for the name of a column.

    Raises:
        ConfigError: braces that do not match.
    """
    return [_sliced(field)[0] for _, field, _ in _parts(source) if field is not None]


def render(source: str, frame: pd.DataFrame, id_column: str, table: Path) -> list[str]:
    """Each row's image file, relative to inputs/.

    Args:
        source: a template such as ``train/{id}.jpg``, or the name of a column. A field may be cut as text in Python is
            (``{id[0]}``, ``{id[:2]}``, ``{id[-3:]}``) and formatted (``{id:05}``).
        frame: the rows by id.
        id_column: its name in the table; ``{id}`` means it too.
        table: for messages.

    Raises:
        ConfigError: a column that is not there.
        DataError: rows where a column of the template is empty, or shorter than a slice needs.
    """
    parts = _parts(source) if "{" in source else [("", source, "")]
    pieces: list[list[str] | str] = []
    for literal, field, spec in parts:
        pieces.append(literal)
        if field is not None:
            pieces.append(_texts(source, field, spec, frame, id_column, table))
    columns = [[piece] * len(frame) if isinstance(piece, str) else piece for piece in pieces]
    return ["".join(row) for row in zip(*columns, strict=True)]


def _parts(source: str) -> list[tuple[str, str | None, str]]:
    """The template's pieces: text, and the field after it with its format."""
    try:
        return [(literal, field, spec or "") for literal, field, spec, _ in Formatter().parse(source)]
    except ValueError as error:
        raise ConfigError(f"{_WHERE}: {source!r} is not a template ({error})") from None


def _sliced(field: str) -> tuple[str, int | slice | None]:
    """A field's column, and which of its characters are meant: None for all."""
    found = _SLICED.fullmatch(field)
    if found is None or (found["start"] is None and found["colon"] is None):
        return field, None
    start, stop = (None if found[key] is None else int(found[key]) for key in ("start", "stop"))
    if found["colon"] is None:
        return found["column"], start
    return found["column"], slice(start, stop)


def _texts(source: str, field: str, spec: str, frame: pd.DataFrame, id_column: str, table: Path) -> list[str]:
    column, cut = (field, None) if field in frame.columns else _sliced(field)
    if column in ("id", id_column) and column not in frame.columns:
        values = frame.index.to_series()
    elif column in frame.columns:
        values = frame[column]
    else:
        known = [id_column, *map(str, frame.columns)]
        hint = nearest(column, known) or f"its columns are {some(known, limit=8)}"
        raise ConfigError(
            f"{_WHERE}: {source!r}: {table} has no column {column!r}; {hint}",
            remedy="A template names columns in braces, such as train/{id}.jpg; train and test may have one each.",
        )
    lost = np.flatnonzero(values.isna())
    if len(lost):
        raise DataError(
            f"{table}: {column}, which names the images, is empty in {len(lost)} rows: {some(frame.index[lost])}"
        )
    if values.dtype.kind == "f" and (values % 1 == 0).all():
        values = values.astype(np.int64)
    texts = [str(value) for value in values.tolist()]
    if isinstance(cut, int):
        short = [row for row, text in enumerate(texts) if not -len(text) <= cut < len(text)]
        if short:
            raise DataError(
                f"{table}: {column} is too short for {{{field}}} of columns.image in {len(short)} rows: "
                f"{some(frame.index[short])}"
            )
    if cut is not None:
        texts = [text[cut] for text in texts]
    if not spec:
        return texts
    try:
        return [format(int(text) if text.lstrip("-").isdigit() else text, spec) for text in texts]
    except ValueError as error:
        raise ConfigError(f"{_WHERE}: {source!r}: {field}: {error}") from None


_ODD = re.compile(r"(^|/)\.|^/")


def check_within_folder(paths: Sequence[str], folder: str, ids: pd.Index, table: Path) -> None:
    """Refuse images that are hidden or outside the folder of their template: they would be read without being hashed.

    Args:
        paths: of each row, relative to inputs/ or absolute, beginning with ``folder``.
        folder: what the template names before its first brace; empty for inputs/.
        ids: of the rows.
        table: for the message.

    Raises:
        DataError: naming the first row.
    """
    beginning = len(folder) + 1 if folder else 0
    for row, path in enumerate(paths):
        below = path[beginning:]
        if _ODD.search(below) and any(part.startswith(".") for part in _components(below)):
            raise DataError(
                f"{table}: {ids[row]}: its image {quoted(path)} lies outside {folder or 'inputs/'}, or is hidden: "
                "it would not be hashed",
                remedy="Say the folder in the template: `columns: {image: ../photos/{file}}`; or link it into inputs/.",
            )


def _components(path: str) -> tuple[str, ...]:
    if path.startswith("/"):
        return ("..",)
    return PurePosixPath(os.path.normpath(path)).parts if path else ()
