"""Folds by a length of time: the latest weeks as a holdout, and stretch after stretch of a rolling origin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from outfold.errors import ConfigError
from outfold.folds import make_folds

DAYS = pd.date_range("2015-01-01", "2015-04-10", freq="D")  # 100 of them
IDS = pd.Index([f"{shop}_{day:%m%d}" for day in DAYS for shop in "ab"])
DATES = pd.Series(np.repeat(DAYS, 2), index=IDS).sample(frac=1, random_state=0)


def days_of(ids: pd.Index) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(DATES.loc[ids].drop_duplicates().sort_values())


def test_a_holdout_of_a_span_is_the_latest_days_and_no_others() -> None:
    folds, _ = make_folds(IDS, kind="holdout", dates=DATES, span="48D", fraction=0.01)
    assert folds.numbers() == [0]
    assert days_of(folds.valid(0)).equals(DAYS[-48:])
    assert days_of(folds.train(0)).equals(DAYS[:-48])


def test_each_stretch_of_a_rolling_origin_is_of_the_span_and_learns_from_all_before_it() -> None:
    folds, _ = make_folds(IDS, kind="time_series", n=3, dates=DATES, span="2W")
    for fold in folds.numbers():
        begins = len(DAYS) - 14 * (3 - fold)
        assert days_of(folds.valid(fold)).equals(DAYS[begins : begins + 14])
        assert days_of(folds.train(fold)).equals(DAYS[:begins])


def test_a_span_of_dates_as_text_and_of_numbers_is_the_same() -> None:
    text, _ = make_folds(IDS, kind="holdout", dates=DATES.dt.strftime("%Y-%m-%d"), span="10D")
    numbers, _ = make_folds(IDS, kind="holdout", dates=(DATES - DAYS[0]).dt.days, span=10)
    assert text.valid(0).equals(numbers.valid(0)) and len(text.valid(0)) == 20


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"kind": "kfold", "span": "7D"}, "folds.span: a length of time has no meaning for kind kfold"),
        ({"kind": "holdout", "span": "7D", "dates": None}, "no meaning for kind holdout without folds.date"),
        ({"kind": "holdout", "span": 7}, "folds.span: 7: the column of folds.date holds dates; expected a length"),
        ({"kind": "time_series", "span": "50D", "n": 2}, "no row is left to learn from before 2 stretches of 50D"),
        ({"kind": "time_series", "span": "1h", "n": 2}, "no row lies within stretch 1 of 2"),
    ],
)
def test_a_span_that_cannot_be_is_refused(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make_folds(IDS, **{"dates": DATES, **keys})
    assert told in refused.value.message
