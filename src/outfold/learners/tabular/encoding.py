"""A contest's table as codes and numbers, and what a fold has learnt of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from outfold.data.encoding.table_codes import Codes, Numbers, TableCodes
from outfold.errors import DataError
from outfold.learners.base import Part
from outfold.learners.tables.feature_pipeline import FittedFeatures
from outfold.learners.tables.table_data import ContestTable
from outfold.learners.tabular.data import Rows
from outfold.store.fold_dir import Shelf
from outfold.training.embeddings import Embeddings


def quantile_edges(numbers: NDArray[np.float32], pieces: int) -> list[list[float]]:
    """The ends of each column's pieces, ascending, at the quantiles of training rows; fewer where these are the same.

    Args:
        numbers: (n, columns) without gaps.
        pieces: the most that a column has.
    """
    found = []
    for column in numbers.T:
        edges = np.unique(np.quantile(column, np.linspace(0, 1, pieces + 1)).astype(np.float32))
        if len(edges) < 2:  # a number that is the same wherever there is one
            edges = np.array([edges[0] - 1, edges[0] + 1], dtype=np.float32)
        found.append([float(edge) for edge in edges])
    return found


ENCODING = "encoding.json"
_MOST_CHECKED = 100_000
"""Rows above which a table without any column that differs is not looked for."""


@dataclass(frozen=True, eq=False)
class FoldTable:
    """A table as the network of one fold sees it.

    Attributes:
        features: what its training part has taught of columns that are made.
        encoding: the same of levels, medians and scales.
        fold: whose network it is.
        edges: of the pieces in which the network sees each number; none where it takes numbers as they are.
    """

    table: ContestTable
    features: FittedFeatures
    encoding: TableCodes
    fold: int
    edges: Sequence[Sequence[float]] = ()

    @classmethod
    def fit(cls, table: ContestTable, ids: pd.Index, fold: int, pieces: int = 0) -> tuple[FoldTable, Codes, Numbers]:
        """Learn from these training rows, and from no others; and the rows themselves.

        Args:
            pieces: the most in which the network sees a number; 0: it takes numbers as they are.

        Raises:
            DataError: no column has two values among them.
        """
        features, rows = table.fit(ids)
        chosen = features.columns
        encoding, codes, numbers = TableCodes.fit(rows, table.images("train", ids, fold), **chosen.by_kind)
        if not encoding.levels and not encoding.standard.columns:
            raise DataError(f"{table.name} fold {fold}: no column differs from row to row: there is nothing to learn")
        edges = quantile_edges(numbers, pieces) if pieces else []
        return cls(table, features, encoding, fold, edges), codes, numbers

    def apply(self, part: Part, ids: pd.Index) -> tuple[Codes, Numbers]:
        """Codes and numbers of any rows."""
        chosen = self.features.columns
        return self.encoding.apply(
            self.table.rows(part, ids, self.features), self.table.images(part, ids, self.fold), **chosen.by_kind
        )

    @property
    def categories(self) -> list[int]:
        """Codes of each categorical column, 0 among them."""
        return [len(level.counts) for level in self.encoding.levels.values()]

    def put(self, shelf: Shelf) -> None:
        """Keep it with the fold."""
        self.features.put(shelf)
        told = self.encoding.to_json() | ({"edges": self.edges} if self.edges else {})
        shelf.put(ENCODING, (json.dumps(told, ensure_ascii=False) + "\n").encode())

    @classmethod
    def of(cls, table: ContestTable, shelf: Shelf, fold: int) -> FoldTable:
        """What ``put`` left on the shelf of a fold."""
        told = shelf.read_json(ENCODING)
        return cls(table, table.fitted(shelf), TableCodes.from_json(told), fold, told.get("edges", []))


def check_encoding(table: ContestTable, ids: pd.Index, fold: int) -> None:
    """Encode a training part of usual size, to see that there is something to learn from.

    Raises:
        DataError: no column has two values among these rows.
    """
    if table.complete and len(ids) <= _MOST_CHECKED:
        FoldTable.fit(table, ids, fold)


def rows_of(embeddings: Embeddings, codes: Codes, numbers: Numbers, device: torch.device) -> Rows:
    """Codes and numbers as the network takes them, on its device."""
    addresses = embeddings.addresses(torch.from_numpy(codes))
    return addresses.to(device), torch.from_numpy(numbers).to(device)
