"""Which rows score which model: the folds, the split inside a training part, and what to distrust about them."""

from __future__ import annotations

from outfold.folds.inner import inner_split
from outfold.folds.make import make_folds
from outfold.folds.table import Folds
from outfold.folds.warnings import duplicates_across

__all__ = ["Folds", "duplicates_across", "inner_split", "make_folds"]
