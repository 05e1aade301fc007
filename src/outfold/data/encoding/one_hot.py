"""Categories as columns: one each, rare ones together, and one for what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outfold.data.encoding.categories import Categories


@dataclass(frozen=True)
class Levels:
    """The columns of one categorical column.

    Attributes:
        own: categories that have a column of their own.
        rare: whether the others share one; a category that was never seen is among them.
        missing: whether a missing value has one.
    """

    own: tuple[str, ...]
    rare: bool
    missing: bool

    @classmethod
    def fit(cls, column: Categories, least: int) -> Levels:
        """Learn them from training rows: a category of fewer than ``least`` rows is rare."""
        known = column.names()
        codes = column.among(known)
        counts = np.bincount(codes[~np.isnan(codes)].astype(np.int64), minlength=len(known))
        own = tuple(name for name, count in zip(known, counts, strict=True) if count >= least)
        return cls(own, len(own) < len(known), bool(column.missing.any()))

    def names(self, column: str) -> list[str]:
        """``column=category``; the shared one and the missing one are in brackets."""
        further = [*(["(rare)"] if self.rare else []), *(["(missing)"] if self.missing else [])]
        return [f"{column}={level}" for level in [*self.own, *further]]

    def places(self, column: Categories) -> NDArray[np.int64]:
        """Which of its columns each row is in, (n,); -1 for none: a value that training had nothing like."""
        codes = column.among(self.own)
        rare, missing = (len(self.own) if self.rare else -1), (len(self.own) + self.rare if self.missing else -1)
        unknown = np.where(column.missing, missing if self.missing else rare, rare)
        return np.where(np.isnan(codes), unknown, codes).astype(np.int64)


@dataclass(frozen=True)
class OneHot:
    """The columns of several categorical columns, by name."""

    levels: dict[str, Levels]

    @classmethod
    def fit(cls, words: Mapping[str, Categories], least: int) -> OneHot:
        """Learn them from training rows; see :meth:`Levels.fit`."""
        return cls({name: Levels.fit(column, least) for name, column in words.items()})

    @property
    def names(self) -> list[str]:
        """The columns, in order."""
        return [column for name, levels in self.levels.items() for column in levels.names(name)]

    def apply(self, words: Mapping[str, Categories], rows: int) -> Any:
        """A scipy CSR matrix (rows, columns) of float64 ones."""
        from scipy.sparse import csr_matrix

        at: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        of: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        start = 0
        for name, levels in self.levels.items():
            places = levels.places(words[name])
            there = np.flatnonzero(places >= 0)
            at.append(there)
            of.append(start + places[there])
            start += len(levels.names(name))
        row, column = np.concatenate(at), np.concatenate(of)
        return csr_matrix((np.ones(len(row)), (row, column)), shape=(rows, start))

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {name: [list(one.own), one.rare, one.missing] for name, one in self.levels.items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Sequence[Any]]) -> OneHot:
        """The inverse of ``to_json``."""
        return cls({name: Levels(tuple(own), rare, missing) for name, (own, rare, missing) in value.items()})
