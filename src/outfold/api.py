"""The small Python API: what ``outfold.open(root)`` gives."""

from __future__ import annotations

from functools import cached_property

from outfold.figures import Figures
from outfold.workspace import Workspace


class OpenContest(Workspace):
    """A contest folder, read-only: its tables, and pictures of them.

    Example:
        >>> work = outfold.open(".")                   # doctest: +SKIP
        >>> work.scores()                              # doctest: +SKIP
        >>> work.oof("cnn", member="snapshot-3")       # doctest: +SKIP
        >>> work.figures.worst()                       # doctest: +SKIP
    """

    @cached_property
    def figures(self) -> Figures:
        """Pictures of the same things."""
        return Figures(self)
