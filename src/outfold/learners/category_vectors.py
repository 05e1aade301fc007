"""What another pipeline's networks have learnt of categories, as columns of a table: for each fold its own.

The network of fold k has not seen the labels of the rows that fold k scores. It has seen those of the rows that it was
trained on, all the rows of a level together, so what its vectors tell of these is a little too good.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from outfold.config.learnt_features import PipelineEmbeddings
from outfold.config.load import load_upstream
from outfold.config.tabular import TabularPipeline
from outfold.contest import Contest
from outfold.data.encoding.categories import Categories
from outfold.data.encoding.column_view import ByColumn
from outfold.data.encoding.date_parts import DATE_PARTS, date_parts
from outfold.errors import ConfigError, MismatchError, nearest, some
from outfold.learners.base import Part
from outfold.store.file_record import current_sha256
from outfold.store.fold_dir import Shelf
from outfold.store.paths import Layout

KIND = "embeddings"
"""The feature's key."""
VECTORS = "embeddings"
"""The folder on a fold's shelf that holds a table a column, and a list of them."""
INDEX = f"{VECTORS}/index.json"


def vector_config(layout: Layout, asked: PipelineEmbeddings, where: str) -> TabularPipeline:
    """The configuration of the pipeline that has the vectors.

    Raises:
        ConfigError: there is no such file, or the pipeline has no embeddings.
    """
    path = layout.pipeline_config(asked.pipeline)
    return load_upstream(path, TabularPipeline, f"{where}: {KIND}", "embeddings")


def vector_hash(layout: Layout, pipeline: str, fold: int) -> str:
    """SHA-256 (hex) of the vectors of one fold.

    Raises:
        MismatchError: they are not there.
    """
    shelf = Shelf(layout.fold(pipeline, fold))
    files = sorted(_index(shelf, pipeline).values())
    digests = [str(current_sha256(shelf.checked(file))) for file in files]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def vector_features(
    contest: Contest, part: Part, ids: pd.Index, fold: int, asked: PipelineEmbeddings, where: str
) -> pd.DataFrame:
    """The vectors of these rows' categories, float32, by id; a category that the network has not seen has its code 0.

    Raises:
        ConfigError: a column that the pipeline has no vectors of.
        MismatchError: the fold's vectors are not there.
    """
    shelf = Shelf(contest.layout.fold(asked.pipeline, fold))
    index, rows, frames = _index(shelf, asked.pipeline), contest.by_column(part, ids), []
    for column in asked.columns:
        if column not in index:
            hint = nearest(column, list(index)) or f"it has those of {some(index, 10)}"
            raise ConfigError(f"{where}: {KIND}: {asked.pipeline} has no vectors of '{column}'; {hint}")
        table = pd.read_parquet(shelf.checked(index[column]))
        vectors = table.drop(columns=["level", "rows"]).to_numpy(np.float32)
        places = _cells(rows, column, asked, where).among(list(table["level"].iloc[1:]))
        found = vectors[np.where(np.isnan(places), 0, places + 1).astype(np.int64)]
        names = [f"{column}.{asked.pipeline}_{number}" for number in range(found.shape[1])]
        frames.append(pd.DataFrame(found, index=ids, columns=names))
    return pd.concat(frames, axis=1)


def _cells(rows: ByColumn, column: str, asked: PipelineEmbeddings, where: str) -> Categories:
    date, _, part = column.rpartition(".")
    if column in rows.whole:
        return rows.categories(column)
    if date in rows.whole and part in DATE_PARTS:
        return Categories.of(date_parts(rows[date], [part])[part])
    raise ConfigError(
        f"{where}: {KIND}: '{column}' is made by a feature of {asked.pipeline}; expected a column of the contest or a "
        "part of a date"
    )


def _index(shelf: Shelf, pipeline: str) -> dict[str, str]:
    """The file of each column's vectors, by the column's name."""
    try:
        return dict(shelf.read_json(INDEX))
    except FileNotFoundError:
        raise MismatchError(
            f"{KIND}: the vectors of {pipeline} are not in {shelf.folder}",
            remedy=f"Remove {shelf.folder.parent.parent} and run `outfold train {pipeline}`.",
        ) from None
