"""A pipeline's view of the contest as the matrices that boosters take: codes for categories, gaps left as gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.data.encoding.column_view import ByColumn
from outfold.data.encoding.date_parts import DATE_PARTS
from outfold.data.encoding.table_features import Encoding
from outfold.learners.base import Part
from outfold.learners.tables.feature_pipeline import FittedFeatures
from outfold.learners.tables.feature_plan import Columns
from outfold.learners.tables.table_data import ContestTable
from outfold.learners.tables.targets import Problem
from outfold.store.fold_dir import Shelf

Matrix = NDArray[Any]
Order = Literal["C", "F"]
FEWEST_STEPS = 2.0**16
"""A fraction keeps its meaning in float32 where its column spreads over so many steps: no library has more bins."""


def numbers_of(columns: Columns) -> list[str]:
    """The features of these columns that are numbers."""
    return [*columns.continuous, *(f"{name}.{part}" for name in columns.dates for part in DATE_PARTS)]


@dataclass(frozen=True, eq=False)
class FittedMatrix:
    """How rows become numbers, by what a fold's training part has taught.

    Attributes:
        features: the columns that are learnt from it.
        encoding: its categories and medians.
        wide: some column needs float64.
        names: of the matrix's columns.
        gaps: categorical columns in which a missing value is a category of its own, after the known ones.
    """

    features: FittedFeatures
    encoding: Encoding
    wide: bool
    names: tuple[str, ...]
    gaps: tuple[str, ...] = ()

    @property
    def categorical(self) -> list[int]:
        """The places of codes of categories."""
        return [self.names.index(name) for name in self.encoding.categories]

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it, but for ``features``, which are put on the shelf by themselves."""
        own = {"wide": self.wide, "features": list(self.names), "gaps": list(self.gaps)}
        return {"encoding": self.encoding.to_json()} | own

    def fill(self, matrix: Matrix) -> None:
        """Write the codes of ``gaps`` into a matrix, in place."""
        for name in self.gaps:
            column = matrix[:, self.names.index(name)]
            column[np.isnan(column)] = len(self.encoding.categories[name])


class BoosterTable:
    """The rows of a contest as rows of a matrix, by id.

    Args:
        table: what the pipeline sees.
        double: the library reads float64 as it is; others make float32 of it themselves.
        code_gaps: the library cannot tell a missing category from the rest by one split, and must be given a code.
    """

    def __init__(self, table: ContestTable, *, double: bool, code_gaps: bool) -> None:
        self.table, self.double, self.code_gaps = table, double, code_gaps
        # LightGBM reads columns as they lie, and they are made one by one; the others would turn them over
        self.order: Order = "F" if double else "C"

    def fit(self, fold: int, ids: pd.Index) -> tuple[FittedMatrix, Matrix]:
        """Learn from these training rows, and from no others, how rows become numbers; and their matrix."""
        made, rows = self.table.fit(ids)
        images, asked = self.table.images("train", ids, fold), made.columns.by_kind
        names = (*Encoding.bare(**asked).names, *_names(images))
        filling = _Filling(np.empty((len(rows), len(names)), np.float32, self.order), check=self.double)
        encoding = Encoding.fit(rows, **asked, seen=filling.put)
        fitted = FittedMatrix(made, encoding, filling.lossy, names)
        if filling.lossy:
            matrix = self._matrix(fitted, rows, images)
        else:
            matrix = _beside(filling.matrix, images)
        if self.code_gaps:
            gaps = [name for name in encoding.categories if np.isnan(matrix[:, names.index(name)]).any()]
            fitted = replace(fitted, gaps=tuple(gaps))
        fitted.fill(matrix)
        return fitted, matrix

    def fit_again(self, fitted: FittedMatrix, fold: int, ids: pd.Index) -> tuple[FittedMatrix, Matrix]:
        """As ``fit`` on some of its rows, for columns that are learnt; numbers and categories are written as before."""
        made, rows = self.table.fit(ids)
        again = replace(fitted, features=made)
        return again, self._matrix(again, rows, self.table.images("train", ids, fold))

    def apply(self, fitted: FittedMatrix, part: Part, ids: pd.Index, fold: int) -> Matrix:
        """The matrix of any rows, (n, features); ``fold``: whose model they are for."""
        return self._matrix(fitted, self.table.rows(part, ids, fitted.features), self.table.images(part, ids, fold))

    def of(self, shelf: Shelf, fitted: dict[str, Any]) -> FittedMatrix:
        """What was put on the shelf, and what ``to_json`` gave, back."""
        encoding = Encoding.from_json(fitted["encoding"])
        names, gaps = tuple(fitted["features"]), tuple(fitted["gaps"])
        return FittedMatrix(self.table.fitted(shelf), encoding, bool(fitted["wide"]), names, gaps)

    def names(self, features: FittedFeatures, part: Part, fold: int) -> list[str]:
        """The features that the contest has now, those included that a function of the user's made in training."""
        images = self.table.images(part, pd.Index([]), fold)
        return [*Encoding.bare(**features.columns.by_kind).names, *_names(images)]

    def _matrix(self, fitted: FittedMatrix, rows: ByColumn, images: pd.DataFrame | None) -> Matrix:
        dtype = np.float64 if fitted.wide else np.float32
        filling = _Filling(np.empty((len(rows), len(fitted.names)), dtype, self.order), check=False)
        for place, values in enumerate(fitted.encoding.arrays(rows)):
            filling.put(place, values)
        matrix = _beside(filling.matrix, images)
        fitted.fill(matrix)
        return matrix


@dataclass
class _Filling:
    """A matrix, filled column by column until one loses what it says in the matrix's type.

    Attributes:
        check: whether that matters.
        lossy: whether it was so.
    """

    matrix: Matrix
    check: bool
    lossy: bool = False

    def put(self, place: int, values: NDArray[np.float64]) -> None:
        self.lossy = self.lossy or (self.check and needs_double(values))
        if not self.lossy:
            self.matrix[:, place] = values


def _beside(matrix: Matrix, images: pd.DataFrame | None) -> Matrix:
    """The matrix, its last columns being those of the images."""
    if images is not None:
        matrix[:, matrix.shape[1] - images.shape[1] :] = images.to_numpy()
    return matrix


def _names(images: pd.DataFrame | None) -> list[str]:
    return [] if images is None else list(map(str, images.columns))


def needs_double(values: NDArray[np.float64]) -> bool:
    """Whether float32 would lose what a column says: whole numbers beyond 2^24, or small steps far from zero."""
    with np.errstate(over="ignore"):
        short = values.astype(np.float32)
    lost = (short != values) & ~np.isnan(values)
    if not lost.any():
        return False
    if bool((np.rint(values[lost]) == values[lost]).any()):
        return True
    known = values[~np.isnan(values)]
    step = np.spacing(np.float32(np.abs(known).max()))
    return bool(not np.isfinite(step) or known.std() < FEWEST_STEPS * float(step))


@dataclass(frozen=True, eq=False)
class Rows:
    """Training rows of one booster.

    Attributes:
        whole: (m, features) float32 or float64, NaN where missing or, of a category, never seen.
        problem: what is asked of the rows, (n,), and what each counts.
        names: of the features, as every library can write them.
        categorical: the places of those features that are codes of categories.
        monotone: of each feature +1, -1 or 0: the way in which the raw score may follow it; empty: as it likes.
        start: (outputs,) the raw scores that boosting starts from; None: the library's own.
        places: (n,) rising, the rows of ``whole``; None: all of them.
    """

    whole: NDArray[Any]
    problem: Problem
    names: Sequence[str]
    categorical: Sequence[int]
    monotone: Sequence[int] = ()
    start: NDArray[np.float64] | None = None
    places: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.label)

    def some(self, places: NDArray[np.int64]) -> Rows:
        """These rows only; no copy is made of them yet."""
        kept = places if self.places is None else self.places[places]
        return replace(self, problem=self.problem.some(places), places=kept)

    @property
    def features(self) -> NDArray[Any]:
        """(n, features); a copy where they are not all rows."""
        return self.whole if self.places is None else self.whole[self.places]

    def starts(self) -> NDArray[np.float64] | None:
        """(n, outputs) the raw scores that boosting starts from, or None."""
        return None if self.start is None else np.tile(self.start, (len(self), 1))

    @property
    def label(self) -> NDArray[Any]:
        """(n,) codes or numbers."""
        return self.problem.y

    @property
    def weight(self) -> NDArray[np.float64] | None:
        """(n,), or None where all rows weigh the same."""
        return self.problem.weight
