"""A contest's table as codes and numbers, and what a fold has learnt of it."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd
import torch

from outfold.data.table_codes import Codes, Numbers, TableCodes
from outfold.errors import DataError
from outfold.learners.contest_table import ContestTable
from outfold.learners.learner import Part
from outfold.learners.made_features import FittedFeatures
from outfold.learners.tabular.rows import Rows
from outfold.store.shelf import Shelf
from outfold.training.embeddings import Embeddings

ENCODING = "encoding.json"


@dataclass(frozen=True, eq=False)
class FoldTable:
    """A table as the network of one fold sees it.

    Attributes:
        features: what its training part has taught of columns that are made.
        encoding: the same of levels, medians and scales.
        fold: whose network it is.
    """

    table: ContestTable
    features: FittedFeatures
    encoding: TableCodes
    fold: int

    @classmethod
    def fit(cls, table: ContestTable, ids: pd.Index, fold: int) -> tuple[FoldTable, Codes, Numbers]:
        """Learn from these training rows, and from no others; and the rows themselves.

        Raises:
            DataError: no column has two values among them.
        """
        features, rows = table.fit(ids)
        chosen = features.columns
        encoding, codes, numbers = TableCodes.fit(
            rows,
            table.images("train", ids, fold),
            continuous=chosen.continuous,
            categorical=chosen.categorical,
            dates=chosen.dates,
        )
        if not encoding.levels and not encoding.standard.columns:
            raise DataError(f"{table.name} fold {fold}: no column differs from row to row: there is nothing to learn")
        return cls(table, features, encoding, fold), codes, numbers

    def apply(self, part: Part, ids: pd.Index) -> tuple[Codes, Numbers]:
        """Codes and numbers of any rows."""
        chosen = self.features.columns
        return self.encoding.apply(
            self.table.rows(part, ids, self.features),
            self.table.images(part, ids, self.fold),
            continuous=chosen.continuous,
            categorical=chosen.categorical,
            dates=chosen.dates,
        )

    @property
    def categories(self) -> list[int]:
        """Codes of each categorical column, 0 among them."""
        return [len(level.counts) for level in self.encoding.levels.values()]

    def put(self, shelf: Shelf) -> None:
        """Keep it with the fold."""
        self.features.put(shelf)
        shelf.put(ENCODING, (json.dumps(self.encoding.to_json(), ensure_ascii=False) + "\n").encode())

    @classmethod
    def of(cls, table: ContestTable, shelf: Shelf, fold: int) -> FoldTable:
        """What ``put`` left on the shelf of a fold."""
        encoding = TableCodes.from_json(json.loads(shelf.path(ENCODING).read_text(encoding="utf-8")))
        return cls(table, table.fitted(shelf), encoding, fold)


def rows_of(embeddings: Embeddings, codes: Codes, numbers: Numbers, device: torch.device) -> Rows:
    """Codes and numbers as the network takes them, on its device."""
    addresses = embeddings.addresses(torch.from_numpy(codes))
    return addresses.to(device), torch.from_numpy(numbers).to(device)
