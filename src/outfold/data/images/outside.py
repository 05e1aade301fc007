"""Names of images, from a table's cells, that would lead to files which are no part of the hashed data."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from outfold.errors import DataError, quoted

_ODD = re.compile(r"(^|/)\.|^/")


def check_within_folder(paths: Sequence[str], folder: str, ids: pd.Index, table: Path) -> None:
    """Refuse rows whose image lies outside the folder of their template, or hidden: it would be read and never hashed.

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
        if _ODD.search(below) and any(part.startswith(".") for part in _parts(below)):
            raise DataError(
                f"{table}: {ids[row]}: its image {quoted(path)} lies outside {folder or 'inputs/'}, or is hidden: "
                "it would not be hashed",
                remedy="Say the folder in the template: `columns: {image: ../photos/{file}}`; or link it into inputs/.",
            )


def _parts(path: str) -> tuple[str, ...]:
    if path.startswith("/"):
        return ("..",)
    return PurePosixPath(os.path.normpath(path)).parts if path else ()
