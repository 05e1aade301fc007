"""A pipeline's view of the contest as matrices, for learners that take no gaps and no words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from outfold.data.encoding.categories import Categories
from outfold.data.encoding.column_view import ByColumn
from outfold.data.encoding.design import Design
from outfold.data.encoding.split_by_type import taken_apart
from outfold.learners.base import Part, check_features
from outfold.learners.inner_cv import inner_folds
from outfold.learners.tables.feature_pipeline import CROSSED, FittedFeatures
from outfold.learners.tables.feature_plan import Columns
from outfold.learners.tables.pseudo_rows import TaughtRows
from outfold.learners.tables.table_data import ContestTable
from outfold.learners.tables.targets import Problem, problems_of, target_table
from outfold.store.fold_dir import Shelf


class Encoding(NamedTuple):
    """How categories become columns: the keys of a pipeline's file."""

    kind: str
    min_count: int
    smoothing: float
    seed: int
    scaled: bool = True


class FittedDesign(NamedTuple):
    """What a training part has taught: the table's features, and how its columns become those of a matrix."""

    features: FittedFeatures
    design: Design


class DesignedTable:
    """The rows of a contest as rows of a matrix, by id."""

    def __init__(self, table: ContestTable, encoding: Encoding) -> None:
        self.table, self.encoding = table, encoding

    def fit(self, fold: int, ids: pd.Index) -> tuple[FittedDesign, Any]:
        """Learn from these training rows, and from no others, how rows become numbers; and their matrix."""
        features, rows = self.table.fit(ids)
        numbers, words = self._taken_apart(rows, features.columns, "train", ids, fold)
        kind, min_count, smoothing, seed, scaled = self.encoding
        if kind == "one_hot":
            design, matrix = Design.one_hot(numbers, words, min_count, scaled=scaled)
        elif kind == "codes":
            design, matrix = Design.codes(numbers, words, scaled=scaled)
        else:
            contest = self.table.contest
            y, targets = target_table(problems_of(contest, ids, balanced=False), contest.outputs)
            parts = inner_folds(contest, ids, n=CROSSED, seed=seed)
            design, matrix = Design.target_means(numbers, words, y, targets, smoothing, parts, scaled=scaled)
        return FittedDesign(features, design), matrix

    def apply(self, fitted: FittedDesign, part: Part, ids: pd.Index, fold: int) -> Any:
        """The matrix of any rows, (n, columns); ``fold``: whose model they are for."""
        features, design = fitted
        return design.apply(*self._taken_apart(self.table.rows(part, ids, features), features.columns, part, ids, fold))

    def lessons(
        self, fitted: FittedDesign, matrix: Any, problems: Mapping[str, Problem], taught: TaughtRows | None, fold: int
    ) -> Iterator[tuple[str, Any, Problem]]:
        """Of each model its name, the rows that it learns from, and what they teach.

        Args:
            matrix: of the training rows.
            taught: rows beside them.
        """
        further = None if taught is None else self.apply(fitted, "test", taught.ids, fold)
        for name, problem in problems.items():
            yield name, *((matrix, problem) if taught is None else taught.beside(name, matrix, further, problem))

    def kept(self, fitted: FittedDesign, fold: int) -> dict[str, Any]:
        """What :meth:`again` needs beside the shelf's own files, as JSON can hold it."""
        return {
            "columns": self._columns(fitted.features, "train", fold),
            "design": fitted.design.to_json(),
            "features": fitted.design.names,
        }

    def again(self, shelf: Shelf, kept: Mapping[str, Any], part: Part, fold: int) -> FittedDesign:
        """What :meth:`fit` gave.

        Raises:
            DataError: it was learnt from other columns than the contest has now.
        """
        features = self.table.fitted(shelf)
        check_features(shelf, self.table.name, kept["columns"], self._columns(features, part, fold))
        return FittedDesign(features, Design.from_json(kept["design"]))

    def _columns(self, features: FittedFeatures, part: Part, fold: int) -> list[list[str]]:
        """The numbers and the categories that a design is made of."""
        ids = pd.Index([])
        numbers, words = self._taken_apart(self.table.rows(part, ids, features), features.columns, part, ids, fold)
        return [[str(name) for name in numbers], list(words)]

    def _taken_apart(
        self, rows: ByColumn, columns: Columns, part: Part, ids: pd.Index, fold: int
    ) -> tuple[pd.DataFrame, Mapping[str, Categories]]:
        return taken_apart(rows, self.table.images(part, ids, fold), **columns.by_kind)
