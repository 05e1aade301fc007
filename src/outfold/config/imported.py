"""``learner: imported``: predictions that were made elsewhere."""

from __future__ import annotations

from typing import Literal

from outfold.config.base import StrictModel


class ImportedPipeline(StrictModel):
    """A member from outside. `outfold import` writes this file, and the predictions in `artifacts/`."""

    learner: Literal["imported"] = "imported"
    """imported: out-of-fold and test predictions of files; nothing is trained."""
    oof: str
    """The file of out-of-fold predictions, relative to the contest's folder."""
    test: str
    """The file of test predictions, relative to the contest's folder."""
    same_folds: bool = False
    """The out-of-fold file has no fold column, and whoever made it has used the folds of artifacts/folds.parquet."""
