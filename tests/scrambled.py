"""A contest whose scored rows say something else: no model may notice."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from outfold.contest import Contest


def scrambled(contest: Contest, valid: pd.Index, *, gap: str, unseen: str) -> Contest:
    """The contest with other features and another truth for the rows of a fold.

    Args:
        valid: their ids: rows and truth are dealt to them anew, together.
        gap: a column of numbers, which is missing in all of them.
        unseen: a column of categories, which is one that no other row has.
    """
    order = np.random.default_rng(0).permutation(len(valid))
    scoring = contest.train.index.isin(valid)
    rows, y = contest.train.copy(deep=True), contest.y.copy()
    rows[scoring] = rows[scoring].iloc[order].set_axis(rows.index[scoring])
    rows.loc[scoring, gap] = np.nan
    rows.loc[scoring, unseen] = "never seen before"
    y[scoring] = y[scoring][order]
    return dataclasses.replace(contest, train=rows, y=y)
