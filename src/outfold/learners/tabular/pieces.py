"""The ends of the pieces in which embeddings see a number (Gorishniy, Rubachev & Babenko 2022)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def quantile_edges(numbers: NDArray[np.float32], pieces: int) -> list[list[float]]:
    """The ends of each column's pieces, ascending, at the quantiles of training rows; fewer where these are the same.

    Args:
        numbers: (n, columns) without gaps.
        pieces: the most that a column has.
    """
    found = []
    for column in numbers.T:
        edges = np.unique(np.quantile(column, np.linspace(0, 1, pieces + 1)).astype(np.float32))
        if len(edges) < 2:  # a number that is the same wherever there is one
            edges = np.array([edges[0] - 1, edges[0] + 1], dtype=np.float32)
        found.append([float(edge) for edge in edges])
    return found
