"""Columns by a function of the user's, which learns from a training part with its targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from outfold.config.features import Function
from outfold.contest import Contest
from outfold.data.features.base import Fitted, Role, Setting, Targets
from outfold.errors import ConfigError, some


@dataclass(frozen=True)
class Hooked(Fitted):
    """``def name(train, rows)`` of ``hooks.py``; which columns it makes is known once it is called.

    What it learns is kept as the ids of the rows that it learns from.
    """

    from_targets: ClassVar[bool] = True
    crossed: ClassVar[bool] = True

    contest: Contest
    function: str

    def fit(self, rows: pd.DataFrame, targets: Targets | None) -> pd.DataFrame:
        """The ids of these training rows."""
        return pd.DataFrame({"id": rows.index})

    def apply(self, rows: pd.DataFrame, learnt: pd.DataFrame) -> pd.DataFrame:
        """What the function returns for any rows.

        Raises:
            ConfigError: it raised, did not keep the ids, or returned a column that there is.
        """
        train = self.contest.rows("train", pd.Index(learnt["id"]))[[*self.sources, *self.contest.config.target]]
        made = self.contest.hooks.made(self.function, train, rows).rename(columns=str).infer_objects()
        taken = [name for name in made if name in train]
        if taken:
            raise ConfigError(
                f"{self.contest.hooks.path}: {self.function} returned {some(taken)}, which the contest has already",
                remedy="Return new columns alone, under names of their own.",
            )
        truths = made.select_dtypes("bool").columns
        return made.astype(dict.fromkeys(truths, "float64"))


def build(asked: Function, setting: Setting, contest: Contest) -> Sequence[Hooked]:
    """One step.

    Raises:
        ConfigError: there is no such function, with the nearest names.
    """
    name = asked.hook.partition(":")[2]
    try:
        contest.hooks.function(name)
    except ConfigError as error:
        setting.refuse(error.message)
    return [Hooked(tuple(setting.own), (), contest, name)]


def role_of(column: pd.Series) -> Role:
    """What a column that a function made holds."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return "date"
    return "number" if pd.api.types.is_numeric_dtype(column) else "category"
