"""Pseudo-labels for models that take one label a row: a row stands there once for each label it may have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outfold.config.competition import Task
from outfold.ensemble.pseudo import PseudoLabels
from outfold.learners.steps import step_names

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
