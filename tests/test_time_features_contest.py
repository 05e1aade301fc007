"""Features in time in a contest: what was before a row, closed days too, and targets of the training part alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from contest_folder import write_contest

from outfold.config.linear import LinearPipeline
from outfold.config.load import load_pipeline
from outfold.learners.tables.feature_pipeline import MadeFeatures
from outfold.learners.tables.feature_plan import planned
from outfold.progress import Reporter
from outfold.runs.context import Context
from outfold.stages.download import download
from outfold.stages.split import split
from outfold.stages.train import train

pytestmark = pytest.mark.usefixtures("one_thread")

DAYS = pd.date_range("2015-01-01", periods=60)
HISTORY = {"history": {"by": ["shop"], "lags": ["7D"], "windows": ["14D", "all"], "horizon": "7D"}}


def sales(seed: int = 0) -> pd.DataFrame:
    """Three shops, closed on Sundays; what one sells on a day is what it sold a week before, and a little noise."""
    rng = np.random.default_rng(seed)
    frames = []
    for shop in (1, 2, 3):
        week = rng.uniform(50, 150, 7)
        sold = np.tile(week, 9)[:60] + rng.normal(size=60)
        frames.append(pd.DataFrame({"shop": shop, "day": DAYS, "promo": rng.integers(0, 2, 60), "sold": sold}))
    table = pd.concat(frames).sort_values(["day", "shop"], ignore_index=True)
    table["sold"] = table["sold"].where(table["day"].dt.dayofweek < 6, 0.0).round(3)
    return table.assign(id=[f"{shop}_{day:%m%d}" for shop, day in zip(table["shop"], table["day"], strict=True)])


def contest(root: Path, table: pd.DataFrame, **keys: Any) -> Context:
    """The last week is the test set; the week before it is held out."""
    test = table[table["day"] >= DAYS[-7]]
    write_contest(
        root,
        table[table["day"] < DAYS[-7]],
        test.drop(columns="sold"),
        test[["id"]].assign(sold=0),
        id="id",
        target="sold",
        columns={"dates": "day"},
        train_where="sold > 0",
        folds={"kind": "holdout", "date": "day", "span": "7D"},
        **keys,
    )
    (root / "pipelines").mkdir(exist_ok=True)
    (root / "pipelines" / "linear.yaml").write_text("learner: linear\n")
    for stage in (download, split):
        stage(Context(root))
    return Context(root)


def table_of(context: Context) -> MadeFeatures:
    config = load_pipeline(context.layout.pipeline_config("linear"))
    assert isinstance(config, LinearPipeline)
    return MadeFeatures(context.contest, planned(context.contest, config, "linear.yaml"), "linear", Reporter())


def test_closed_days_which_nobody_learns_from_are_part_of_the_past(tmp_path: Path) -> None:
    asked = [{"rolling": {"columns": ["promo"], "by": ["shop"], "windows": ["7D"], "statistics": ["count", "sum"]}}]
    table = sales()
    context = contest(tmp_path, table, features=asked)
    rows = table_of(context).fit(context.contest.train.index)[1]
    assert (rows.loc[rows["day"] >= DAYS[6], "promo.count_7D_by_shop"] == 7).all()
    last = table[(table["shop"] == 2) & (table["day"] > DAYS[40]) & (table["day"] <= DAYS[47])]
    assert rows.loc[last["id"].iloc[-1], "promo.sum_7D_by_shop"] == last["promo"].sum()


def test_a_test_row_looks_back_at_training_rows(tmp_path: Path) -> None:
    table = sales()
    context = contest(tmp_path, table, features=[{"lags": {"columns": ["promo"], "by": ["shop"], "lags": ["7D"]}}])
    view = table_of(context)
    fitted, _ = view.fit(context.contest.train.index)
    test = context.contest.test.index
    before = table.set_index("id")["promo"].loc[
        [f"{name[:2]}{pd.Timestamp('2015' + name[2:]) - pd.Timedelta('7D'):%m%d}" for name in test]
    ]
    assert view.rows("test", test, fitted)["promo.lag_7D_by_shop"].tolist() == before.tolist()


def test_the_past_of_the_target_is_the_training_part_alone(tmp_path: Path) -> None:
    """Scrambling what the fold scores changes neither what is learnt, nor a row's features, by one byte."""
    table = sales()
    held = (table["day"] >= DAYS[-14]) & (table["day"] < DAYS[-7])
    other = table.copy()
    other.loc[held & (table["sold"] > 0), "sold"] = 1e6
    found = []
    for number, each in enumerate((table, other)):
        context = contest(tmp_path / str(number), each, features=[HISTORY])
        view, folds = table_of(context), context.folds
        fitted, rows = view.fit(folds.train(0))
        scored = view.rows("train", folds.valid(0), fitted)
        found.append((fitted.learnt[0], rows, scored.drop(columns="sold", errors="ignore")))
    for one, same in zip(*found, strict=True):
        pd.testing.assert_frame_equal(one, same, check_exact=True)
    assert found[0][2]["sold.lag_7D_by_shop"].notna().all()


def test_the_past_of_the_target_teaches_what_nothing_else_does(tmp_path: Path) -> None:
    plain = contest(tmp_path / "plain", sales())
    remembering = contest(tmp_path / "remembering", sales(), features=[HISTORY])
    assert train(remembering, "linear").score < 0.5 * train(plain, "linear").score
