"""Cross-validation folds: assignment, checks, and splits within the training part."""

from __future__ import annotations

from outfold.folds.inner import inner_split
from outfold.folds.make import make_folds
from outfold.folds.table import Folds
from outfold.folds.warnings import duplicates_across

__all__ = ["Folds", "duplicates_across", "inner_split", "make_folds"]
