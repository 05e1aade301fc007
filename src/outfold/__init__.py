"""Outfold: a Kaggle-competition toolkit whose out-of-fold numbers can be trusted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from outfold.analysis.api import OpenContest

__version__ = "0.1.0"

# Arrow's own allocator keeps what is freed: beside a large table, as much again. Arrow reads this when it is imported.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def open(root: str | Path = ".") -> OpenContest:
    """Open a contest folder for reading: folds, predictions, scores and figures.

    Args:
        root: the folder that holds ``competition/`` and ``pipelines/``.

    Returns:
        A :class:`outfold.analysis.api.OpenContest`.

    Example:
        >>> import outfold
        >>> work = outfold.open(".")           # doctest: +SKIP
        >>> work.scores()                      # doctest: +SKIP
    """
    from outfold.analysis.api import OpenContest

    return OpenContest(root)
