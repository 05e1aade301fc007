"""How strong an L2 penalty is: chosen by an inner cross-validation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from outfold.ensemble.problem import Array

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""C, the inverse of the penalty's weight against a summed loss: from the strongest penalty to the weakest."""


def best_strength(parts: Array, losses: Callable[[int], Array]) -> float:
    """The one of ``STRENGTHS`` with the least loss over all parts; a tie goes to the stronger penalty.

    Args:
        parts: (n,) part of each row. Of a single part nothing can be learned: the strongest penalty it is.
        losses: of a part: its summed loss under fits on all other parts, one for each strength; NaN where it has none.
    """
    names = np.unique(parts)
    if len(names) < 2:
        return STRENGTHS[0]
    total = np.zeros(len(STRENGTHS))
    for name in names:
        total += np.nan_to_num(losses(int(name)), nan=0.0)
    return STRENGTHS[int(np.argmin(total))]
