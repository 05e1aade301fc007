"""Where a contest lives: what every host can do, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import pandas as pd

from outfold.progress import Reporter

if TYPE_CHECKING:
    from outfold.config.competition import Task

Status = Literal["complete", "pending", "error"]


class Metric(Protocol):
    """What a local leaderboard needs of a metric."""

    @property
    def name(self) -> str:
        """The name to show beside the score."""

    @property
    def wants(self) -> str:
        """probabilities, labels, ranks or values: how a single column of the file is to be read."""

    def score(self, y: np.ndarray, outputs: np.ndarray) -> float:
        """The score of outputs (n, k) against the truth ``y``."""


@dataclass(frozen=True)
class Scoring:
    """How a submission file is scored without its contest's host: a private rehearsal.

    Args:
        id_column: the column of ids, in the submission and in the solution.
        targets: the target columns as the contest file names them.
        classes: by task: (negative, positive); the classes in the order of the outputs; the tags; () for numbers.
        task: binary, multiclass, multilabel or regression.
        metric: scores the outputs.
        tag_separator: between the labels of one column of tags.
        column: the sample's single column; "" where it has several.
        positive: binary: the place of the class that a number in that column stands for.
        codes: binary: the places of the classes by other ways of writing them, see
            :func:`outfold.cell_values.cell_key`.
        plain: ``plain(table, solution=False)``: a file in the sample's own format as a plain table, a row per id.
    """

    id_column: str
    targets: Sequence[str]
    classes: Sequence[str]
    task: Task
    metric: Metric
    tag_separator: str = " "
    column: str = ""
    positive: int = 1
    codes: Mapping[Decimal | str, int] = field(default_factory=dict)
    plain: Callable[..., pd.DataFrame] | None = None


@dataclass(frozen=True)
class Scored:
    """What a host says of a submission.

    Args:
        status: complete; pending: sent, not yet scored; error: the host could not score the file, ``message`` says why.
        public: the score on the public part, None where unknown.
        private: the score on the private part, None while the contest hides it.
        message: the host's own words, or ours.
        ref: the host's name for the submission, "" where it has none.
        extra: other figures by name, such as accuracy.
    """

    status: Status
    public: float | None = None
    private: float | None = None
    message: str = ""
    ref: str = ""
    extra: dict[str, float] = field(default_factory=dict)


class Host(Protocol):
    """A place that hands out a contest's data and scores its submissions."""

    name: str

    @property
    def rules_url(self) -> str | None:
        """The page where the rules are accepted, or None where there are none."""

    def download(self, inputs: Path, reporter: Reporter) -> None:
        """Fill ``inputs`` with the contest's files; files that are there and whole are left alone.

        Raises:
            HostError: the host refused, failed or did not answer.
            DataError: the files that came are damaged, or some are missing.
        """

    def submit(self, file: Path, message: str, reporter: Reporter, *, wait_s: float) -> Scored:
        """Send ``file`` once and wait at most ``wait_s`` seconds for its score.

        Returns:
            The score; status pending when the deadline passed first, and error when the host could not score the file.

        Raises:
            HostError: nothing was sent, or the host did not answer.
        """

    def status(self, file: Path, sha256: str, reporter: Reporter) -> Scored | None:
        """Ask again for the score of a file sent earlier; None when the host knows no such submission."""

    def describe(self) -> list[str]:
        """Lines for ``doctor``: what the host needs, and whether it is there. Never a secret."""

    def missing(self) -> str | None:
        """What a person must do before ``download`` can work, as a clause; None where nothing is missing."""
