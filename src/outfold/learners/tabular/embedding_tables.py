"""The vectors that networks have learnt of categories: as tables that others can use, and as a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.data.encoding.table_features import plain_names
from outfold.learners.category_vectors import INDEX, VECTORS
from outfold.learners.tabular.build import Networks
from outfold.plain_text import label
from outfold.plots import COLOURS, drawing, new_figure, save
from outfold.store.atomic import atomic_path
from outfold.store.fold_dir import Shelf

PICTURE = "embeddings.png"
SHOWN, NAMED = 6, 60
"""Columns in the picture, and levels whose names are written, those of most rows first."""


def fold_vectors(networks: Networks, fold: int, shelf: Shelf, member: str) -> dict[str, pd.DataFrame]:
    """The vectors of each categorical column in a member of a fold.

    Returns:
        by column: ``level`` as text, missing for what is missing or was never seen; ``rows`` of the training part; and
        ``0``, ``1``, ... float32, the vector.
    """
    network, fitted = networks.trained(fold, shelf, member)
    tables = {}
    for place, (name, level) in enumerate(fitted.encoding.levels.items()):
        vectors = network.embeddings.of(place).cpu().numpy().astype(np.float32)
        table = pd.DataFrame(vectors, columns=[str(number) for number in range(vectors.shape[1])])
        table.insert(0, "rows", np.array(level.counts, dtype=np.int64))
        table.insert(0, "level", pd.Series([None, *level.names], dtype="str"))
        tables[name] = table
    return tables


def put_vectors(shelf: Shelf, tables: Mapping[str, pd.DataFrame]) -> None:
    """Keep the vectors of a fold, a Parquet file a column, where features of other pipelines look for them."""
    shelf.path(VECTORS).mkdir(exist_ok=True)
    files = {name: f"{VECTORS}/{plain}.parquet" for name, plain in zip(tables, plain_names(list(tables)), strict=True)}
    for name, file in files.items():
        with shelf.writing(file) as path:
            tables[name].to_parquet(path, index=False)
    shelf.put(INDEX, (json.dumps(files, indent=1, ensure_ascii=False) + "\n").encode())


def write_vectors(name: str, shelves: Mapping[int, Shelf], folder: Path) -> None:
    """Write ``embeddings/<column>.parquet``, all folds with a column ``fold``, and the picture of the first fold's."""
    by_fold = {fold: _tables(shelf) for fold, shelf in sorted(shelves.items()) if shelf.has(INDEX)}
    columns = list(dict.fromkeys(column for tables in by_fold.values() for column in tables))
    (folder / VECTORS).mkdir(parents=True, exist_ok=True)
    for column, plain in zip(columns, plain_names(columns), strict=True):
        parts = [tables[column].assign(fold=fold) for fold, tables in by_fold.items() if column in tables]
        whole = pd.concat(parts, ignore_index=True)
        with atomic_path(folder / VECTORS / f"{plain}.parquet") as path:
            whole[["fold", *whole.columns.drop("fold")]].to_parquet(path, index=False)
    for fold, tables in list(by_fold.items())[:1]:
        if tables:
            draw_vectors(tables, f"{name}, fold {fold}", folder / PICTURE)


def _tables(shelf: Shelf) -> dict[str, pd.DataFrame]:
    files = shelf.read_json(INDEX)
    return {name: pd.read_parquet(shelf.checked(file)) for name, file in files.items()}


def draw_vectors(tables: Mapping[str, pd.DataFrame], title: str, path: Path) -> None:
    """Write the picture: the two directions in which each column's vectors differ most, levels by name.

    Args:
        tables: as :func:`fold_vectors` gives them; those of most levels are shown.
    """
    shown = sorted(tables, key=lambda name: -len(tables[name]))[:SHOWN]
    rows = math.ceil(len(shown) / 3)
    with drawing():
        figure = new_figure(13.0, 4.3 * rows)
        for name, axes in zip(shown, figure.subplots(rows, 3, squeeze=False).flat, strict=False):
            table = tables[name].iloc[1:]
            places, share = components(table.drop(columns=["level", "rows"]).to_numpy(np.float64))
            axes.scatter(*places.T, s=14, color=COLOURS[0])
            for number in table["rows"].to_numpy().argsort(kind="stable")[::-1][:NAMED]:
                axes.annotate(
                    label(table["level"].iloc[number], 24), places[number], (2, 2), textcoords="offset points", size=7
                )
            axes.set_title(f"{label(name)} ({share:.0%} of the variance)")
        for axes in figure.axes[len(shown) :]:
            axes.set_axis_off()
        figure.suptitle(f"{label(title, 80)}: embeddings, by principal components")
        save(figure, path)


def components(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The first two principal components (n, 2), each with its largest value positive; their share of the variance."""
    centred = vectors - vectors.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((len(vectors), 2))
    # what rounding leaves of a direction that is not there is none
    count = min(2, int((sizes > 1e-9 * sizes.max(initial=0)).sum()))
    places[:, :count] = left[:, :count] * sizes[:count]
    signs = np.sign(places[np.abs(places).argmax(axis=0), [0, 1]])
    total = float(np.square(sizes).sum())
    return places * np.where(signs == 0, 1, signs), float(np.square(sizes[:2]).sum()) / total if total else 1.0
