"""Pseudo-labelled test rows beside the training rows of a model of matrices that takes a weight a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from outfold.contest import Contest
from outfold.ensemble.pseudo import PseudoLabels
from outfold.learners.copies import Copies, copies
from outfold.learners.problems import Problem
from outfold.metrics.truth import PER_CLASS


@dataclass(frozen=True, eq=False)
class TaughtRows:
    """What the models of a fold learn of them.

    Attributes:
        ids: (n,) of the test rows.
        copies: by model, a row once for each label that it may have; see :mod:`outfold.learners.copies`.
    """

    ids: pd.Index
    copies: dict[str, Copies]

    @classmethod
    def of(cls, pseudo: PseudoLabels, contest: Contest, *, in_steps: bool = False) -> TaughtRows:
        """For the models of :func:`outfold.learners.problems.problems_of`.

        Args:
            in_steps: ordered classes are asked in steps (see :mod:`outfold.learners.steps`).
        """
        task = "multiclass" if contest.task in PER_CLASS and not in_steps else contest.task
        return cls(pseudo.ids, copies(pseudo, task, contest.outputs))

    def beside(self, name: str, matrix: Any, further: Any, problem: Problem) -> tuple[Any, Problem]:
        """A model's own rows, and the copies behind them.

        Args:
            name: the model's.
            matrix: of its own rows, an array or sparse.
            further: of the test rows, (n, columns), of the same kind.
        """
        own = self.copies[name]
        return _stacked(matrix, further[own.places]), problem.joined(own.label, own.weight)


def _stacked(first: Any, second: Any) -> Any:
    if isinstance(first, np.ndarray):
        return np.vstack([first, second])
    from scipy.sparse import vstack

    return vstack([first, second], format="csr")
