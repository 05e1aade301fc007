"""Pseudo-labelled test rows beside the training rows of a model of matrices that takes a weight a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.config.competition import Task
from outfold.contest import Contest
from outfold.learners.tables.targets import Problem, step_names
from outfold.metrics.truth import PER_CLASS
from outfold.pseudo_labels import PseudoLabels

LEAST = 0.01
"""A label that is less probable is left out, and the others share what it had."""


@dataclass(frozen=True)
class Copies:
    """What one model learns of the pseudo-labelled rows.

    With weights that sum to 1, the copies of a row have the gradient and the hessian of the soft label's cross entropy.

    Attributes:
        places: (m,) which row each is a copy of.
        label: (m,) as the model's own rows have it.
        weight: (m,).
    """

    places: NDArray[np.int64]
    label: NDArray[Any]
    weight: NDArray[np.float64]


def copies(pseudo: PseudoLabels, task: Task, outputs: Sequence[str]) -> dict[str, Copies]:
    """What each model learns of them, by output; one model for all outputs has no name."""
    targets = pseudo.targets.astype(np.float64)
    if task == "multiclass":
        return {"": _copies(targets, pseudo.weight)}
    if task == "ordinal":
        # the chance to be above each class but the last
        above = 1 - np.cumsum(targets, axis=1)[:, :-1]
        return _questions(step_names(outputs), np.clip(above, 0, 1), pseudo.weight)
    names = [""] if len(outputs) == 1 else outputs
    if task == "regression":
        every = np.arange(len(targets))
        same = np.full(len(targets), pseudo.weight)
        return {name: Copies(every, values, same) for name, values in zip(names, targets.T, strict=True)}
    return _questions(names, targets, pseudo.weight)


def _questions(names: Sequence[str], yes: NDArray[np.float64], weight: float) -> dict[str, Copies]:
    sides = {name: np.stack([1 - chance, chance], axis=1) for name, chance in zip(names, yes.T, strict=True)}
    return {name: _copies(shares, weight) for name, shares in sides.items()}


def _copies(shares: NDArray[np.float64], weight: float) -> Copies:
    """Of (n, labels) probabilities: one copy for each that counts."""
    kept = np.where(shares < LEAST, 0.0, shares)
    kept /= kept.sum(axis=1, keepdims=True)
    places, label = np.nonzero(kept)
    return Copies(places, label, kept[places, label] * weight)


@dataclass(frozen=True, eq=False)
class TaughtRows:
    """What the models of a fold learn of them.

    Attributes:
        ids: (n,) of the test rows.
        copies: by model, a row once for each label that it may have; see :mod:`outfold.learners.tables.pseudo_rows`.
    """

    ids: pd.Index
    copies: dict[str, Copies]

    @classmethod
    def of(cls, pseudo: PseudoLabels, contest: Contest, *, in_steps: bool = False) -> TaughtRows:
        """For the models of :func:`outfold.learners.tables.targets.problems_of`.

        Args:
            in_steps: ordered classes are asked in steps (see :mod:`outfold.learners.tables.targets`).
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
