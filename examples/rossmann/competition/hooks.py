"""What the contest keeps in a further file, store.csv, and what its rules say of closed shops."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

MONTHS = dict(enumerate(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec"), start=1))
MONTHS_AT_MOST = 24
WEEKS_AT_MOST = 25


def features(train: pd.DataFrame, test: pd.DataFrame, inputs: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables with what is known of each shop, and how long it has had a competitor and a second promotion."""
    shops = pd.read_csv(inputs / "store.csv").set_index("Store")
    opened = {"year": shops["CompetitionOpenSinceYear"], "month": shops["CompetitionOpenSinceMonth"], "day": 15}
    shops["opened"] = pd.to_datetime(pd.DataFrame(opened), errors="coerce")
    # ISO weeks: 2010-W13-1 is the Monday of week 13
    year, week = (shops[name].astype("Int64").astype("string") for name in ("Promo2SinceYear", "Promo2SinceWeek"))
    shops["began"] = pd.to_datetime(year + "-W" + week.str.zfill(2) + "-1", format="%G-W%V-%u")
    return _joined(train, shops), _joined(test, shops)


def _joined(rows: pd.DataFrame, shops: pd.DataFrame) -> pd.DataFrame:
    rows = rows.join(shops, on="Store")
    date = pd.to_datetime(rows["Date"])
    months = (date - rows.pop("opened")).dt.days // 30
    weeks = (date - rows.pop("began")).dt.days // 7
    rows["CompetitionMonthsOpen"] = months.clip(0, MONTHS_AT_MOST).fillna(0)
    rows["Promo2Weeks"] = weeks.clip(0, WEEKS_AT_MOST).fillna(0)
    # "Jan,Apr,Jul,Oct": a round of the second promotion begins in these months
    month, rounds = date.dt.month.map(MONTHS), rows["PromoInterval"]
    begins = [(rounds == names) & month.isin(names.split(",")) for names in shops["PromoInterval"].dropna().unique()]
    rows["Promo2Begins"] = pd.concat(begins, axis=1).any(axis=1).astype(int)
    rows["PromoInterval"] = rounds.fillna("none")
    return rows


def postprocess(submission: pd.DataFrame, inputs: Path) -> pd.DataFrame:
    """A closed shop sells nothing. Where the file does not say whether it is open, it is."""
    is_open = pd.read_csv(inputs / "test.csv", usecols=["Id", "Open"]).set_index("Id")["Open"]
    closed = submission["Id"].astype(int).map(is_open) == 0
    return submission.assign(Sales=submission["Sales"].where(~closed, 0.0))
