"""A training table without an id column: its rows are named by columns, or numbered."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from contest_folder import write_contest

from outfold.contest_files import load_contest
from outfold.errors import ConfigError, DataError
from outfold.runs.context import Context
from outfold.stages.download import download
from outfold.stages.predict import predict
from outfold.stages.split import split
from outfold.stages.submit import submit
from outfold.stages.train import train

pytestmark = pytest.mark.usefixtures("one_thread")
DAYS = [f"2015-01-{day:02d}" for day in range(1, 31)]


def shops(root: Path, table: pd.DataFrame | None = None, **keys: object) -> Path:
    """Daily sales of three shops; only the test rows have an Id."""
    sales = pd.DataFrame([(shop, day) for day in DAYS for shop in (1, 2, 3)], columns=["shop", "day"])
    sales = sales.assign(sales=sales["shop"] * 100.0 + sales["day"].str[-2:].astype(int) % 7)
    test = sales[-6:].drop(columns="sales")
    test.insert(0, "Id", range(1, 7))
    sample = test[["Id"]].assign(sales=0)
    solution = sample.assign(sales=sales["sales"].to_numpy()[-6:], Usage=["Public", "Private"] * 3)
    root.mkdir(parents=True, exist_ok=True)
    solution.to_csv(root / "solution.csv", index=False)
    table = sales[:-6] if table is None else table
    return write_contest(root, table, test, sample, target="sales", solution="solution.csv", **keys)


def test_rows_are_named_by_columns_which_stay_features(tmp_path: Path) -> None:
    contest = load_contest(shops(tmp_path, train_id=["shop", "day"]))
    assert contest.train.index[:2].tolist() == ["1_2015-01-01", "2_2015-01-01"]
    assert contest.train.loc["3_2015-01-02", "shop"] == 3 and "shop" in contest.roles.continuous
    assert contest.id_column == "Id" and len(contest.test) == 6


def test_rows_are_numbered_from_0(tmp_path: Path) -> None:
    contest = load_contest(shops(tmp_path, train_id="row_number"))
    assert contest.train.index.tolist() == list(range(84))
    assert contest.train.index.dtype == contest.test.index.dtype == "int64"


def test_the_chain_runs_on_such_a_table_and_sends_the_ids_of_the_sample(tmp_path: Path) -> None:
    root = shops(tmp_path, train_id=["shop", "day"])
    (root / "pipelines").mkdir()
    (root / "pipelines" / "trees.yaml").write_text("learner: gbdt\nrounds: 20\nparams: {min_data_in_leaf: 2}\n")
    for stage in (download, split):
        stage(Context(root))
    train(Context(root), "trees")
    predict(Context(root), "trees")
    oof = pd.read_parquet(root / "artifacts" / "trees" / "oof.parquet")
    assert set(oof["id"]) == set(load_contest(root).train.index)
    sent = submit(Context(root), "trees")
    assert sent is not None and sent.private is not None and sent.private < 60
    file = pd.read_csv(next((root / "submissions").glob("trees-*.csv")))
    assert file["Id"].tolist() == [1, 2, 3, 4, 5, 6]


def test_a_training_table_without_ids_is_numbered_and_the_user_is_told(tmp_path: Path) -> None:
    contest = load_contest(shops(tmp_path))
    assert contest.train.index.tolist() == list(range(84))
    assert "train.csv: no id column; its rows are numbered from 0" in contest.warnings


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("shop", "stand on more than one row: 1, 2, 3"),
        (["shop", "date"], "train_id: .*has no column 'date'; did you mean day"),
    ],
)
def test_columns_that_do_not_name_a_row_are_refused(tmp_path: Path, key: object, told: str) -> None:
    with pytest.raises((ConfigError, DataError), match=told):
        load_contest(shops(tmp_path, train_id=key))


def test_a_missing_part_of_a_name_is_told_by_its_row(tmp_path: Path) -> None:
    table = pd.DataFrame({"shop": [1, 2, 3], "day": ["2015-01-01", None, "2015-01-01"], "sales": [1.0, 2.0, 3.0]})
    with pytest.raises(DataError, match=r"1 rows have no shop or day \(row 2\)"):
        load_contest(shops(tmp_path, table, train_id=["shop", "day"]))


def test_a_table_that_has_ids_may_be_named_by_others(tmp_path: Path) -> None:
    table = pd.DataFrame({"Id": [7, 8], "shop": [1, 2], "day": DAYS[:2], "sales": [1.0, 2.0]})
    contest = load_contest(shops(tmp_path, table, train_id=["shop", "day"]))
    assert contest.train.index.tolist() == ["1_2015-01-01", "2_2015-01-02"]
