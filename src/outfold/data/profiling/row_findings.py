"""What to distrust about a contest's rows: ids that tell the target, and rows that both parts have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from outfold.data.profiling import association
from outfold.data.profiling.facts import Truth
from outfold.errors import some

TELLING, SURE_Z = 0.1, 6.0
"""A relation to the target that is worth a word, and that chance does not make."""


def telling_order(ids: pd.Index, truths: Sequence[Truth]) -> list[str]:
    """A warning where the order of the ids, or of the rows in the file, goes with the target, or nothing.

    Args:
        ids: of the training rows, in the order of the file; the truths are in the same order.
    """
    orders = {
        "ids": np.asarray(pd.Series(ids).rank(), dtype=np.float64),
        "rows in the file": np.arange(len(ids), dtype=np.float64),
    }
    told: list[str] = []
    for what, order in orders.items():
        found = max((association.of_numbers(order, y, kind) for y, kind in truths), default=association.NOTHING)
        if found.strength > TELLING and found.z > SURE_Z and not told:
            told.append(
                f"the order of the {what} goes with the target ({found.strength:.2f}, {found.z:.0f} standard "
                "deviations from chance): rows were not shuffled, and their order may tell what a model must not know"
            )
    return told


def shared_rows(train: pd.DataFrame, test: pd.DataFrame) -> list[str]:
    """A warning for test rows that are equal to a training row in all these columns, or nothing.

    Columns of few combinations are equal by chance: nothing is said where training rows equal each other as often.
    """
    if train.shape[1] < 2 or not len(test):
        return []
    keys = [pd.util.hash_pandas_object(_plain(part), index=False) for part in (train, test)]
    inside = float(keys[0].duplicated(keep=False).mean())
    twins = keys[1].isin(keys[0])
    share = float(twins.mean())
    if not twins.any() or share < 2 * inside:
        return []
    return [
        f"{int(twins.sum()):,} of {len(test):,} test rows equal a training row in all columns: "
        f"{some(test.index[twins.to_numpy()], 3)}"
    ]


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Whole numbers as fractions throughout: a gap in one part makes them so there."""
    numbers = rows.select_dtypes("number").astype(np.float64)
    return rows.assign(**{str(name): numbers[name] for name in numbers})
