"""Rossmann's joined table as the course makes it, from the contest's own columns: what every network is given alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

HELD_OUT = pd.Timedelta(days=48)
"""The last 6.5 weeks, as long as the contest's test set."""
FLAGS = ("month_end", "month_start", "quarter_end", "quarter_start", "year_end", "year_start")
EVENTS = ("Promo", "StateHoliday", "SchoolHoliday")
CATEGORICAL = [
    *("Store", "DayOfWeek", "Year", "Month", "Week", "Day", "Dayofyear", *(f"Is_{flag}" for flag in FLAGS)),
    *("StateHoliday", "StoreType", "Assortment", "PromoInterval", "Promo2", "Promo2SinceYear", "Promo2SinceWeek"),
    *("CompetitionOpenSinceYear", "CompetitionOpenSinceMonth", "CompetitionMonthsOpen", "Promo2Weeks"),
    *(f"{event}_{way}" for event in ("Promo", "SchoolHoliday") for way in ("before", "after")),
]
"""28 columns."""
CONTINUOUS = [
    *("CompetitionDistance", "Promo", "SchoolHoliday", "CompetitionDaysOpen"),
    *(f"{event}_{way}" for event in EVENTS for way in ("since", "until")),
]


def prepare(source: Path, folder: Path) -> Path:
    """Write ``rossmann.parquet``: id, Sales, the columns above, and ``fold``, 0 in the last 48 days and -1 before.

    Days without sales are left out, as the contest's metric leaves them out: 844,338 of 1,017,209 rows stay.
    """
    path = folder / "rossmann.parquet"
    if path.exists():
        return path
    rows = pd.read_parquet(source / "rossmann" / "train_clean.parquet").sort_values(["Store", "Date"])
    rows = rows.reset_index(drop=True)
    date = rows["Date"].dt
    rows["Year"], rows["Month"], rows["Week"] = date.year, date.month, date.isocalendar().week.astype("int64")
    rows["Day"], rows["Dayofyear"] = date.day, date.dayofyear
    for flag in FLAGS:
        rows[f"Is_{flag}"] = getattr(date, f"is_{flag}").astype("int64")
    opened = _day(rows["CompetitionOpenSinceYear"], rows["CompetitionOpenSinceMonth"])
    days = ((rows["Date"] - opened).dt.days).clip(lower=0).where(rows["CompetitionOpenSinceYear"] >= 1990, 0)
    rows["CompetitionDaysOpen"], rows["CompetitionMonthsOpen"] = days, (days // 30).clip(upper=24)
    began = _day(rows["Promo2SinceYear"], 1) + pd.to_timedelta(7 * rows["Promo2SinceWeek"].clip(lower=1) - 7, "D")
    weeks = ((rows["Date"] - began).dt.days // 7).clip(lower=0, upper=25)
    rows["Promo2Weeks"] = weeks.where(rows["Promo2"] == 1, 0)
    for event in EVENTS:
        there = (rows[event].astype(str) != "0").to_numpy()
        rows[f"{event}_since"] = _since(rows, there)
        rows[f"{event}_until"] = _since(rows[::-1], there[::-1])[::-1]
        for way, ordered in (("before", rows), ("after", rows[::-1])):
            flags = pd.Series(there, rows.index).loc[ordered.index]
            rows[f"{event}_{way}"] = flags.groupby(ordered["Store"]).rolling(7, min_periods=1).sum().droplevel(0)
    rows["fold"] = np.where(rows["Date"] > rows["Date"].max() - HELD_OUT, 0, -1)
    rows = rows[rows["Sales"] > 0]
    table = rows[["Sales", "fold", *dict.fromkeys(CATEGORICAL + CONTINUOUS)]].copy()
    table.insert(0, "id", rows["Store"].astype(str) + "-" + rows["Date"].dt.strftime("%Y%m%d"))
    table[CATEGORICAL] = table[CATEGORICAL].astype(str)
    table[[name for name in CONTINUOUS if name not in CATEGORICAL]] = table[CONTINUOUS].astype("float32")
    table.sample(frac=1, random_state=0).to_parquet(path, index=False)
    return path


def rmspe(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Root mean squared percentage error."""
    return float(np.sqrt(np.mean(np.square((truth - predicted) / truth))))


def _day(year: pd.Series, month: pd.Series | int) -> pd.Series:
    month = pd.Series(month, index=year.index).clip(lower=1)
    return pd.to_datetime(pd.DataFrame({"year": year.clip(lower=1970), "month": month, "day": 15}))


def _since(rows: pd.DataFrame, there: np.ndarray) -> np.ndarray:
    """Days since the last event of the row's store, in the order of the rows; 0 before the first."""
    event = rows["Date"].where(there).groupby(rows["Store"]).ffill()
    return (rows["Date"] - event).dt.days.abs().fillna(0).to_numpy()
