"""A contest with a column of every sort, and an entry of every kind of feature."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from contest_folder import write_contest

from outfold.config.table_pipeline import TablePipelineBase
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.learners.tables.feature_pipeline import MadeFeatures
from outfold.learners.tables.feature_plan import planned
from outfold.progress import Reporter

HOOKS = """\
import pandas as pd

def town_mean(train, rows):
    return pd.DataFrame({"own": rows["town"].map(train.groupby("town")["bought"].mean())}, index=rows.index)
"""

IN_TIME = {"by": "shop", "date": "day"}
ENTRIES: dict[str, Any] = {
    "date_parts": {"columns": "day", "parts": ["month", "weekend", "quarter"], "categorical": ["month"]},
    "cyclical": {"columns": "day", "parts": ["day_of_week"]},
    "missing": "all",
    "missing_count": "all",
    "text_length": "name",
    "extract": {"column": "name", "pattern": r"([A-Za-z]+)\."},
    "transform": "fare",
    "interaction": ["town", "shop"],
    "count": ["town", ["town", "shop"]],
    "frequency": "town",
    "rare": {"columns": "town", "min_count": 12},
    "aggregate": {
        "columns": ["fare", "age"],
        "by": ["town", ["town", "shop"]],
        "statistics": ["mean", "std", "median", "min", "max"],
        "relative": ["difference", "ratio"],
    },
    "bins": {"columns": ["fare", "age"], "n": 4},
    "rank": {"columns": "age", "to": "normal"},
    "target_encoding": ["town", ["town", "shop"]],
    "elapsed": {"columns": "promo", **IN_TIME},
    "rolling": {"columns": "fare", "windows": ["7D"], **IN_TIME},
    "lags": {"columns": "fare", "lags": ["1D"], **IN_TIME},
    "history": {"windows": ["7D"], "lags": ["1D"], **IN_TIME},
    "function": "hooks.py:town_mean",
}
"""An entry of each kind, as ``features:`` holds it."""


def table(rows: int = 160, seed: int = 0) -> pd.DataFrame:
    """Numbers, words, dates and gaps, with a target that depends on the town."""
    rng = np.random.default_rng(seed)
    town = rng.choice(["Ayr", "Bath", "Cork", "Deal"], rows, p=[0.4, 0.3, 0.25, 0.05])
    frame = pd.DataFrame(
        {
            "id": [f"r{number:03d}" for number in rng.permutation(rows)],
            "shop": rng.integers(1, 4, rows),
            "town": pd.Series(town, dtype=object).where(rng.random(rows) > 0.1, None),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 120, rows), unit="D"),
            "promo": rng.integers(0, 2, rows),
            "fare": rng.lognormal(3, 1, rows).round(2),
            "age": pd.Series(rng.integers(1, 80, rows), dtype=float).where(rng.random(rows) > 0.2),
            "name": [f"{'Mr' if number % 2 else 'Mrs'}. Nr {number}" for number in range(rows)],
        }
    )
    chance = 0.2 + 0.5 * (frame["town"] == "Bath") + 0.2 * (frame["promo"] == 1)
    return frame.assign(bought=(rng.random(rows) < chance).astype(int))


def contest(root: Path, frame: pd.DataFrame | None = None, **keys: Any) -> Contest:
    """The first three quarters of the rows to learn from, the others to predict."""
    frame = table() if frame is None else frame
    split = len(frame) * 3 // 4
    keys = {"target": "bought", "columns": {"dates": ["day"]}, **keys}
    targets = [keys["target"]] if isinstance(keys["target"], str) else keys["target"]
    sample = frame[["id"]].iloc[split:].assign(**dict.fromkeys(keys.pop("outputs", targets), 0.5))
    test = frame.iloc[split:].drop(columns=targets)
    return load_contest(write_contest(root, frame.iloc[:split], test, sample, hooks=HOOKS, **keys))


def view(contest: Contest, *entries: Any, **keys: Any) -> MadeFeatures:
    """The contest as a pipeline of these features sees it."""
    config = TablePipelineBase.model_validate({"learner": "trees", "features": list(entries), **keys})
    return MadeFeatures(contest, planned(contest, config, "trees.yaml"), "trees", Reporter())


def with_rows(contest: Contest, frame: pd.DataFrame, y: np.ndarray | None = None) -> Contest:
    """The contest, were its training rows these, by id."""
    places = contest.train.index.get_indexer(frame.index)
    return replace(contest, train=frame, y=contest.y[places] if y is None else y)
