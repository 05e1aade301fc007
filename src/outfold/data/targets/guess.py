"""The task that a target's values ask for, where nobody says it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from outfold.config.competition import Task
from outfold.data.targets.values import as_numbers, flag, looks_like_tags, present
from outfold.errors import quoted

FEW = 20
"""A target of whole numbers with up to so many distinct ones is taken for classes."""

MANY = 1000
"""With more distinct whole numbers than these nobody would take them for classes, and nothing is said of it."""


def infer_task(raw: pd.DataFrame, separator: str, allowed: Sequence[Task]) -> tuple[Task, tuple[str, ...]]:
    """The likeliest task among those that are allowed (none given: all), and what to say of a guess.

    An order cannot be told from values, so that ordinal is never inferred.
    """
    likely, note = _likely(raw, separator)
    fitting = [task for task in likely if not allowed or task in allowed] or likely
    # where the metric leaves one task only, nothing was guessed
    return fitting[0], (note,) if note and fitting[0] == likely[0] and len(fitting) > 1 else ()


def _likely(raw: pd.DataFrame, separator: str) -> tuple[list[Task], str]:
    """The tasks that the values allow, the likeliest first, and what to say of a guess."""
    if raw.shape[1] > 1:
        flags = all(set(present(raw[name]).map(flag).unique()) <= {0, 1} for name in raw)
        return (["multilabel", "regression"] if flags else ["regression"]), ""
    name, values = raw.columns[0], present(raw.iloc[:, 0])
    distinct = values.nunique()
    numbers = as_numbers(values)
    if numbers is None:
        if looks_like_tags(values, separator):
            note = (
                f"target {name}: read as tags separated by {quoted(separator)}; if a cell is a "
                "class, say `task: multiclass`"
            )
            return ["multilabel", "multiclass"], note
        return (["binary", "multiclass"] if distinct == 2 else ["multiclass", "multilabel"]), ""
    if not (numbers % 1 == 0).all():
        return ["regression"], ""
    if distinct == 2:
        return ["binary", "multiclass", "regression"], ""
    if distinct <= min(FEW, len(values) // 2):
        return ["multiclass", "regression"], ""
    if distinct > MANY:
        return ["regression", "multiclass"], ""
    note = (
        f"target {name}: {distinct} whole numbers were taken for amounts; if they are classes, say `task: multiclass`"
    )
    return ["regression", "multiclass"], note
