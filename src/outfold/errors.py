"""What a user can mend: one kind of error, told in one sentence, without a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from outfold.yaml_lines import with_line


class OutfoldError(Exception):
    """A mistake that the user can mend; the command line prints it and exits with 2.

    Args:
        message: what is wrong, naming the file, the key or the row, and what was expected. One that begins with
            ``file.yaml: key: `` is given the line of the key in that file: ``file.yaml:7: key: ``.
        remedy: what to do about it, as a sentence; printed on a line of its own.
    """

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        self.message = with_line(message)
        super().__init__(self.message)
        self.remedy = remedy

    def __str__(self) -> str:
        return self.message if self.remedy is None else f"{self.message}\n  {self.remedy}"


class ConfigError(OutfoldError):
    """A YAML file is not what its schema says."""


class DataError(OutfoldError):
    """A data file is missing, damaged, or contradicts the contest file."""


class DiskFullError(OutfoldError):
    """There is no space left where a file should be written; what was there is as it was."""


class HostError(OutfoldError):
    """The place where the contest lives refused, failed, or did not answer."""


class SubmissionError(OutfoldError):
    """A submission file that must not be sent."""


class MismatchError(OutfoldError):
    """Predictions that must not be combined: their folds differ, or a fold is missing."""


class Interrupted(OutfoldError):
    """Ctrl-C or SIGTERM: state is saved, and the remedy says what to run next."""


def some(items: Iterable[Any], limit: int = 5) -> str:
    """The first few items for a message: ``a, b, c and 4 more``."""
    every = [str(item) for item in items]
    shown = ", ".join(every[:limit])
    return shown if len(every) <= limit else f"{shown} and {len(every) - limit} more"


def nearest(name: str, known: Sequence[str], limit: int = 3) -> str | None:
    """``did you mean a, b?`` for a name that is not among the known ones, or None."""
    lowered = {item.lower(): item for item in known}
    close = difflib.get_close_matches(name.lower(), list(lowered), n=limit, cutoff=0.5)
    return f"did you mean {some((lowered[item] for item in close), limit)}?" if close else None
