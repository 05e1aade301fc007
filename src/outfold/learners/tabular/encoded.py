"""A contest's table as codes and numbers, and what a fold has learnt of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch

from outfold.data.encoding.table_codes import Codes, Numbers, TableCodes
from outfold.errors import DataError
from outfold.learners.contest_table import ContestTable
from outfold.learners.learner import Part
from outfold.learners.made_features import FittedFeatures
from outfold.learners.tabular.pieces import quantile_edges
from outfold.learners.tabular.rows import Rows
from outfold.store.shelf import Shelf
from outfold.training.embeddings import Embeddings

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
