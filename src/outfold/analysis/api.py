"""The small Python API: what ``outfold.open(root)`` gives."""

from __future__ import annotations

import warnings
from functools import cached_property

import pandas as pd

from outfold.analysis.figures import Figures
from outfold.analysis.workspace import Workspace
from outfold.errors import OutfoldError
from outfold.store.manifest import Manifest
from outfold.store.paths import BLEND


class OutOfDateWarning(UserWarning):
    """Results that were read do not match the current inputs."""


class OpenContest(Workspace):
    """A contest folder, read-only: its tables, and pictures of them.

    Example:
        >>> work = outfold.open(".")                   # doctest: +SKIP
        >>> work.scores()                              # doctest: +SKIP
        >>> work.oof("cnn", member="snapshot-3")       # doctest: +SKIP
        >>> work.figures.worst()                       # doctest: +SKIP

    Results that are out of date can be read: a warning names them, with the commands that renew them.
    """

    def manifest(self, pipeline: str = BLEND) -> Manifest:
        """What a pipeline was made of and what it scored.

        Raises:
            DataError: it is not trained; the nearest name that is.
        """
        manifest = super().manifest(pipeline)
        reason = self._out_of_date.get(pipeline)
        if reason is not None and pipeline not in self._warned:
            self._warned.add(pipeline)
            warnings.warn(reason, OutOfDateWarning, stacklevel=3)
        return manifest

    def out_of_date(self) -> pd.DataFrame:
        """One row per pipeline or blend whose results are not what the stages would make now, with the ``reason``.

        The contest folder is compared once, at the first call.
        """
        rows = {"reason": list(self._out_of_date.values())}
        return pd.DataFrame(rows, index=pd.Index(list(self._out_of_date), name="pipeline"), dtype=object)

    @cached_property
    def _warned(self) -> set[str]:
        return set()

    @cached_property
    def _out_of_date(self) -> dict[str, str]:
        """Reason by pipeline with outdated results."""
        from outfold.runs.context import Context
        from outfold.runs.provenance import current, current_blend

        context, reasons = Context(self.root, read_only=True), {}
        for name in [*self.pipelines, *([BLEND] if self.layout.manifest(BLEND).exists() else [])]:
            try:
                current_blend(context) if name == BLEND else current(context, name)
            except OutfoldError as error:
                reasons[name] = str(error)
        return reasons

    @cached_property
    def figures(self) -> Figures:
        """Pictures of the same things."""
        return Figures(self)
