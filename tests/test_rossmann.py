"""The example of Rossmann's sales: what its own code says of shops, and its folder made from merged data."""

from __future__ import annotations

import re
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import table_samples
from conftest import REPO

from outfold.contest_files import load_contest
from outfold.runs.context import Context
from outfold.stages.download import download
from outfold.stages.split import described, split

EXAMPLE = REPO / "examples" / "rossmann"
lay_out: Callable[[Path, Path], pd.DataFrame] = runpy.run_path(str(EXAMPLE / "lay_out.py"))["lay_out"]


@pytest.fixture
def merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data as some repositories have it: the training table merged, no sample submission."""
    monkeypatch.setattr(table_samples, "REAL", None)
    table_samples.rossmann(tmp_path / "kaggle")
    source = tmp_path / "merged"
    source.mkdir()
    for name in ("test.csv", "store.csv"):
        shutil.copy(tmp_path / "kaggle" / "inputs" / name, source)
    train = pd.read_csv(tmp_path / "kaggle" / "inputs" / "train.csv", parse_dates=["Date"], dtype={"StateHoliday": str})
    stores = pd.read_csv(source / "store.csv")
    train = train.astype({"Sales": "float32"}).merge(stores, on="Store").sample(frac=1, random_state=0)
    train.to_parquet(source / "train_clean.parquet")
    return source


def test_merged_data_become_kaggles_own_files(merged: Path, tmp_path: Path) -> None:
    lay_out(merged, tmp_path / "mine")
    for name in ("train.csv", "test.csv", "store.csv", "sample_submission.csv"):
        made, kaggle = (root / "inputs" / name for root in (tmp_path / "mine", tmp_path / "kaggle"))
        pd.testing.assert_frame_equal(pd.read_csv(made, dtype=str), pd.read_csv(kaggle, dtype=str))
    contest = load_contest(tmp_path / "mine")
    assert contest.config.host == "folder" and described(contest, contest.config.folds) == "holdout of 48D"
    with pytest.raises(SystemExit, match="is there already"):
        lay_out(merged, tmp_path / "mine")


def test_the_example_reads_them_as_it_should(merged: Path, tmp_path: Path) -> None:
    lay_out(merged, tmp_path / "mine")
    contest = load_contest(tmp_path / "mine")
    rows = pd.concat([contest.train, contest.test, contest.aside])
    assert contest.y.min() > 0 and len(contest.aside)
    assert not {"Open", "Customers", "Sales"} & {*contest.roles.continuous, *contest.roles.categorical}
    third = rows[rows["Store"] == 3].set_index("Date")  # a competitor in January 2015, Promo2 from its 14th week on
    assert third.loc["2015-02-20", "CompetitionMonthsOpen"] == 1
    assert third.loc[["2015-03-29", "2015-03-30", "2015-04-06"], "Promo2Weeks"].tolist() == [0, 0, 1]
    assert third.loc[["2015-03-02", "2015-04-01", "2015-06-01"], "Promo2Begins"].tolist() == [1, 0, 1]
    first = rows[rows["Store"] == 1]
    assert (first["Promo2Begins"] == 0).all() and (first["PromoInterval"] == "none").all()
    assert (first["CompetitionMonthsOpen"] == 24).all()


def test_a_closed_shop_sells_nothing_and_one_of_which_nothing_is_said_is_open(merged: Path, tmp_path: Path) -> None:
    lay_out(merged, tmp_path / "mine")
    contest = load_contest(tmp_path / "mine")
    test = pd.read_csv(tmp_path / "mine" / "inputs" / "test.csv")
    sent = contest.hooks.postprocess(pd.DataFrame({"Id": test["Id"], "Sales": 5000.0}))
    assert test["Open"].isna().any()
    assert (sent["Sales"] == test["Open"].map({0.0: 0.0}).fillna(5000.0)).all()


def test_the_other_line_of_folds_is_a_rolling_origin(merged: Path, tmp_path: Path) -> None:
    lay_out(merged, tmp_path / "mine")
    file = tmp_path / "mine" / "competition" / "competition.yaml"
    file.write_text(re.sub(r"^folds:.*\n# (folds:.*)$", r"\1", file.read_text(), flags=re.M))
    context = Context(tmp_path / "mine")
    download(context)
    assert described(context.contest, context.competition.folds) == "3 x time_series of 48D"
    folds, dates = split(context), context.contest.train["Date"]
    assert folds.numbers() == [0, 1, 2]
    for fold in folds.numbers():
        learnt, scored = dates[folds.train(fold)], dates[folds.valid(fold)]
        assert learnt.max() < scored.min() and (scored.max() - scored.min()).days < 48
    assert dates[folds.valid(2)].max() == dates.max()
