"""Rows that are neither learnt from nor scored: `train_where`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from contest_folder import write_contest

from outfold.config.linear import LinearPipeline
from outfold.contest_files import load_contest
from outfold.errors import ConfigError
from outfold.learners.tables.table_data import ContestTable
from outfold.progress import Reporter
from outfold.runs.context import Context
from outfold.stages.split import split
from outfold.stages.train import train
from outfold.store.predictions import read_predictions

pytestmark = pytest.mark.usefixtures("one_thread")


def shops(root: Path, hooks: str | None = None, **keys: object) -> Path:
    """Sales by size of shop; a third of the days are closed, and their sales say nothing of the size."""
    rng = np.random.default_rng(0)
    count = 180
    table = pd.DataFrame(
        {
            "Id": np.arange(count),
            "Date": pd.date_range("2015-01-01", periods=count).astype(str),
            "size": rng.normal(size=count),
            "Open Today": 1 * (np.arange(count) % 3 != 0),
        }
    )
    sales = np.where(table["Open Today"] == 1, 100 + 20 * table["size"], 0)
    test = table.iloc[:30].assign(Id=np.arange(1000, 1030))
    return write_contest(
        root,
        table.assign(Sales=sales),
        test,
        test[["Id"]].assign(Sales=0.0),
        hooks=hooks,
        **{"target": "Sales", "columns": {"dates": ["Date"]}, "folds": {"n": 3}, **keys},
    )


def test_the_rows_have_no_truth_and_no_fold_and_every_other_row_is_predicted_once(tmp_path: Path) -> None:
    root = shops(tmp_path, train_where="Sales > 0")
    (root / "pipelines").mkdir()
    (root / "pipelines" / "line.yaml").write_text("learner: linear\nalpha: 1e-6\nfeatures: [size]\n")
    context = Context(root, Reporter())
    folds = split(context)
    left = {str(number) for number in range(0, 180, 3)}
    kept = [str(number) for number in range(180) if str(number) not in left]
    assert context.contest.train.index.astype(str).tolist() == kept
    assert (context.contest.y > 0).all() and len(context.contest.y) == 120
    assert sorted(folds.frame["id"].astype(str)) == sorted(kept) and (folds.frame["fold"] >= 0).all()
    train(context, "line")
    oof = read_predictions(context.layout.oof("line"))
    assert sorted(oof["id"].astype(str)) == sorted(kept)
    # a third of zeros would leave an error of tens
    assert context.contest.metric.score(context.contest.truth(pd.Index(oof["id"])), oof[["Sales"]]) < 0.1


def test_the_user_is_told_how_many(tmp_path: Path) -> None:
    contest = load_contest(shops(tmp_path, train_where="Sales > 0"))
    assert "train_where: Sales > 0: 60 of 180 training rows are neither learnt from nor scored" in contest.warnings


def test_another_condition_makes_the_split_stale(tmp_path: Path) -> None:
    hashes = {split(Context(shops(tmp_path, train_where=f"Sales > {least}"))).hash for least in (0, 100)}
    assert len(hashes) == 2
    assert Context(tmp_path).folds.hash == split(Context(tmp_path)).hash


def test_rows_that_are_left_out_need_no_target(tmp_path: Path) -> None:
    root = shops(tmp_path, train_where="Sales.notna()")
    path = root / "inputs" / "train.csv"
    table = pd.read_csv(path)
    table["Sales"] = table["Sales"].where(table["Sales"] > 0)
    table.to_csv(path, index=False)
    assert (load_contest(root).y > 0).all()


def test_features_still_see_them(tmp_path: Path) -> None:
    hook = """
def features(train, test):
    closed = train["Open Today"] == 0
    return train.assign(closed_yesterday=1 * closed.shift(fill_value=False)), test.assign(closed_yesterday=0)
"""
    contest = load_contest(shops(tmp_path, hook, train_where="`Open Today` == 1"))
    assert contest.train["closed_yesterday"].tolist() == [1, 0] * 60
    assert len(contest.aside) == 60 and "Sales" not in contest.aside
    assert contest.aside["Date"].dtype == contest.train["Date"].dtype
    assert not contest.aside.index.intersection(contest.train.index).size


def test_without_the_key_no_row_is_left_out(tmp_path: Path) -> None:
    contest = load_contest(shops(tmp_path))
    assert len(contest.train) == 180 and not len(contest.aside)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("Sale > 0", "did you mean Sales"),
        ("Sales >", "cannot answer it"),
        ("Sales + 1", "says no yes or no for each row"),
        ("Sales > 1e9", "holds for none of the 180 rows"),
        ("@os.getcwd() == Date", "cannot answer it"),
    ],
)
def test_a_condition_that_says_nothing_of_the_rows_is_refused(tmp_path: Path, condition: str, message: str) -> None:
    with pytest.raises(ConfigError, match=r"competition\.yaml:\d+: train_where: ") as told:
        load_contest(shops(tmp_path, train_where=condition))
    assert message in told.value.message


def test_a_feature_of_time_sees_what_happened_in_them(tmp_path: Path) -> None:
    contest = load_contest(shops(tmp_path, train_where="Sales > 0"))
    closed = {"elapsed": {"columns": ["Open Today"], "events": [0], "date": "Date"}}
    config = LinearPipeline.model_validate({"learner": "linear", "features": ["size", closed]})
    _, rows = ContestTable(contest, config, "line", Reporter()).fit(contest.train.index)
    assert rows["Open Today.since"].tolist() == [1, 2] * 60
