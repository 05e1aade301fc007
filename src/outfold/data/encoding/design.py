"""A table as a matrix: numbers, on one scale where that is wanted, beside encoded categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.data.encoding.categories import Categories, CategoryCodes
from outfold.data.encoding.one_hot import OneHot
from outfold.data.encoding.standard import Standard
from outfold.data.encoding.target_means import TargetMeans

SPARSE_FROM = 100
"""With more columns of ones and zeros than this, and than of numbers, a matrix is sparse."""

Words = Mapping[str, Categories]
_ENCODINGS: dict[str, type[OneHot] | type[TargetMeans] | type[CategoryCodes]] = {
    "one_hot": OneHot,
    "target": TargetMeans,
    "codes": CategoryCodes,
}


@dataclass(frozen=True, eq=False)
class Design:
    """How rows become the rows of a matrix: fitted once on training rows, then applied to any."""

    encoding: OneHot | TargetMeans | CategoryCodes
    standard: Standard

    @classmethod
    def one_hot(cls, numbers: pd.DataFrame, words: Words, least: int, *, scaled: bool = True) -> tuple[Design, Any]:
        """The design with a column a category, and the training rows' matrix; ``least`` as in :class:`Levels`."""
        design = cls(OneHot.fit(words, least), Standard.fit(numbers, scaled=scaled))
        return design, design.apply(numbers, words)

    @classmethod
    def codes(cls, numbers: pd.DataFrame, words: Words, *, scaled: bool = True) -> tuple[Design, Any]:
        """The design with a number for each category, and the training rows' matrix."""
        encoding = CategoryCodes.fit(words)
        table = pd.concat([numbers, encoding.apply(words, numbers.index)], axis=1)
        design = cls(encoding, Standard.fit(table, scaled=scaled))
        return design, design.apply(numbers, words)

    @classmethod
    def target_means(
        cls,
        numbers: pd.DataFrame,
        words: Words,
        y: NDArray[np.float64],
        targets: Sequence[str],
        smoothing: float,
        parts: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
        *,
        scaled: bool = True,
    ) -> tuple[Design, Any]:
        """The design with the mean of the target in a category, and the training rows' matrix, which is cross-fitted.

        The arguments are those of :meth:`TargetMeans.crossed`.
        """
        encoding, crossed = TargetMeans.crossed(words, y, targets, smoothing, parts)
        # without a category there is nothing to have rows
        table = pd.concat([numbers, crossed], axis=1) if words else numbers
        standard = Standard.fit(table, scaled=scaled)
        return cls(encoding, standard), standard.apply(table)

    @property
    def names(self) -> list[str]:
        """The matrix's columns, in order."""
        return [*self.standard.names, *(self.encoding.names if isinstance(self.encoding, OneHot) else [])]

    def apply(self, numbers: pd.DataFrame, words: Words) -> Any:
        """(n, columns) float64: an array, or a scipy CSR matrix."""
        if isinstance(self.encoding, TargetMeans):
            means = [self.encoding.apply(words)] if words else []
            return self.standard.apply(pd.concat([numbers, *means], axis=1))
        if isinstance(self.encoding, CategoryCodes):
            return self.standard.apply(pd.concat([numbers, self.encoding.apply(words, numbers.index)], axis=1))
        dense = self.standard.apply(numbers)
        ones = self.encoding.apply(words, len(numbers))
        if ones.shape[1] > max(SPARSE_FROM, dense.shape[1]):
            from scipy.sparse import csr_matrix, hstack

            return hstack([csr_matrix(dense), ones], format="csr")
        return np.hstack([dense, ones.toarray()])

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        kind = next(kind for kind, encoding in _ENCODINGS.items() if isinstance(self.encoding, encoding))
        return {"encoding": kind, kind: self.encoding.to_json(), "standard": self.standard.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Design:
        """The inverse of ``to_json``."""
        kind = _ENCODINGS[value["encoding"]]
        return cls(kind.from_json(value[value["encoding"]]), Standard.from_json(value["standard"]))


def spreads(matrix: Any) -> NDArray[np.float64]:
    """The standard deviation of each column of an array or a sparse matrix, (columns,)."""
    mean = np.asarray(matrix.mean(axis=0)).ravel()
    squares = matrix.power(2) if hasattr(matrix, "power") else np.square(matrix)
    return np.asarray(np.sqrt(np.maximum(np.asarray(squares.mean(axis=0)).ravel() - mean**2, 0.0)))
