"""The folds themselves: a table of ids and fold numbers, and the hash that travels with every prediction made on it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from outfold.config.folds import FoldKind
from outfold.errors import DataError, quoted, some

NEVER_SCORED = -1
_REMEMBERED = 4
_BLOCK = 65_536


@dataclass(frozen=True, eq=False)
class Folds:
    """Every training row's fold, by id.

    Args:
        frame: columns ``id`` and ``fold`` (int64), one row a (training row, repeat): the rows of the first repeat in
            the order of the training table, then those of the second, and so on. A row that is never scored (the
            first chunk of a time series, all but the holdout) has fold -1. Read only: the hash is computed once.
        kind: the splitter.
        n: folds a repeat.
        repeats: how often the whole split was made, each time with another shuffle.
        purged: with ``folds.gap``, a row per row of the frame and a column per fold: whether the row is too near to the
            fold's scored rows to train its model. None without a gap.

    Raises:
        DataError: the table is not one of folds (a damaged file): columns, range, or an id twice in a repeat.
    """

    frame: pd.DataFrame
    kind: FoldKind
    n: int
    repeats: int = 1
    purged: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if list(self.frame.columns) != ["id", "fold"] or not pd.api.types.is_integer_dtype(self.frame["fold"]):
            raise DataError(
                f"folds: columns {some(self.frame.columns)}; expected id and fold (whole numbers)",
                remedy="Make the folds again with the split stage.",
            )
        if self.kind not in get_args(FoldKind) or self.n < 1 or self.repeats < 1:
            raise DataError(f"folds: kind {quoted(self.kind)}, n {self.n}, repeats {self.repeats} cannot be")
        fold = self.frame["fold"]
        outside = self.frame.loc[(fold < NEVER_SCORED) | (fold >= self.n * self.repeats)]
        if len(outside):
            raise DataError(
                f"folds: {len(outside)} rows have a fold beyond -1..{self.n * self.repeats - 1}: {some(outside['id'])}",
                remedy="Make the folds again with the split stage.",
            )
        if self.purged is not None and self.purged.shape != (len(self.frame), self.n * self.repeats):
            raise DataError(
                f"folds: the gap is of shape {self.purged.shape}; expected a row per id and a column per fold",
                remedy="Make the folds again with the split stage.",
            )
        ids = self.frame["id"]
        twice = (ids if self.repeats == 1 else pd.DataFrame({"id": ids, "repeat": self._repeat})).duplicated()
        if twice.any():
            raise DataError(
                f"folds: {int(twice.sum())} ids stand twice in one repeat: {some(self.frame.loc[twice, 'id'])}",
                remedy="Make the folds again with the split stage.",
            )

    @cached_property
    def _repeat(self) -> pd.Series:
        """The repeat of every row of the frame; a row that is never scored is in the first (and only) one."""
        return self.frame["fold"].clip(lower=0) // self.n

    def numbers(self) -> list[int]:
        """Every fold that is trained: ``0..n*repeats-1``; those of repeat r are ``r*n..r*n+n-1``."""
        return list(range(self.n * self.repeats))

    def valid(self, fold: int) -> pd.Index:
        """Ids that ``fold`` scores, in the order of the training table."""
        return self._ids("valid", fold, self.valid_mask)

    def train(self, fold: int) -> pd.Index:
        """Ids that the model of ``fold`` may learn from, in the order of the training table.

        All other rows of the same repeat; for ``time_series`` only the strictly earlier ones (smaller fold numbers, -1
        included). Without the rows of the gap (``folds.gap``).
        """
        return self._ids("train", fold, self.train_mask)

    def _ids(self, part: str, fold: int, mask: Callable[[int], np.ndarray]) -> pd.Index:
        """The same index each time it is asked for, as long as it is among the last few: others may know it again."""
        if (part, fold) not in self._given:
            self._given[part, fold] = pd.Index(self.frame.loc[mask(fold), "id"])
            while len(self._given) > _REMEMBERED:
                del self._given[next(iter(self._given))]
        return self._given[part, fold]

    @cached_property
    def _given(self) -> dict[tuple[str, int], pd.Index]:
        return {}

    def valid_mask(self, fold: int) -> np.ndarray:
        """Which rows of the frame ``fold`` scores."""
        self._check(fold)
        return self.frame["fold"].to_numpy() == fold

    def train_mask(self, fold: int) -> np.ndarray:
        """Which rows of the frame the model of ``fold`` may learn from; see :meth:`train`."""
        self._check(fold)
        numbers = self.frame["fold"].to_numpy()
        if self.kind == "time_series":
            mask = numbers < fold
        else:
            mask = (self._repeat.to_numpy() == fold // self.n) & (numbers != fold)
        return mask if self.purged is None else mask & ~self.purged[:, fold]

    def _check(self, fold: int) -> None:
        if not 0 <= fold < self.n * self.repeats:
            raise ValueError(f"fold {fold} is not one of 0..{self.n * self.repeats - 1}")

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) over kind, n, repeats and the (id, fold) pairs sorted by id, then fold; over the gap, too.

        Independent of the order of the rows, and of whether an id was read as a number or as text.
        """
        ids, numbers = self.frame["id"], pa.array(self.frame["fold"].to_numpy())
        if pd.api.types.is_integer_dtype(ids):
            ids = ids.astype("str")
        texts = pa.array(ids if isinstance(ids.dtype, pd.StringDtype) else map(str, ids), pa.string())
        pairs = pa.table({"id": texts, "fold": numbers})
        pairs = pairs.sort_by([("id", "ascending"), ("fold", "ascending")])
        hasher = hashlib.sha256(f'["{self.kind}",{self.n},{self.repeats},['.encode("ascii"))
        for number, block in enumerate(pairs.to_batches(max_chunksize=_BLOCK)):
            # all of them at once as Python's own objects would take more than the contest's table
            rows = list(zip(*(column.to_pylist() for column in block.columns), strict=True))
            hasher.update(("," * (number > 0) + json.dumps(rows, separators=(",", ":"))[1:-1]).encode("ascii"))
        hasher.update(b"]]")
        if self.purged is not None:
            for fold, purged in enumerate(self.purged.T):
                near = texts.filter(pa.array(purged)).sort().to_pylist()
                hasher.update(json.dumps([fold, near], separators=(",", ":")).encode("ascii"))
        return hasher.hexdigest()

    @cached_property
    def complete(self) -> bool:
        """Whether every row is scored by some fold."""
        return bool((self.frame["fold"] != NEVER_SCORED).all())
