"""folds.gap: no model learns from rows within the embargo around the rows that score it, nor chooses by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import outfold
from contest_folder import write_contest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outfold.contest_files import load_contest
from outfold.errors import ConfigError
from outfold.folds import Folds, inner_split, make_folds
from outfold.learners.inner_cv import blind_folds, inner_folds, inner_places
from outfold.progress import Reporter
from outfold.runs.context import Context
from outfold.stages.split import split
from outfold.store.folds_file import read_folds, write_folds

FORTY = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
DAY = pd.Timedelta("1D")


@st.composite
def dated_rows(draw: st.DrawFn) -> dict[str, Any]:
    """Rows on some of 120 days, several on a day, and a gap that leaves something to learn from."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    rows = draw(st.integers(40, 200))
    days = np.sort(rng.integers(0, 120, rows))
    days[:4] = 0, 1, 2, 3
    ids = pd.Index([f"row{i}" for i in rng.permutation(rows)])
    gap = draw(st.sampled_from(["1D", "3D", "36h", 1, 5]))
    return {"ids": ids, "dates": pd.Series(pd.Timestamp("2020-01-01") + days * DAY, index=ids), "gap": gap}


def assert_no_row_within(gap: Any, dates: pd.Series, train: pd.Index, scored: pd.Index) -> None:
    start, end = dates[scored].min(), dates[scored].max()
    outside = dates[dates.index.difference(scored)]
    for side, edge in ((outside[outside < start], start), (outside[outside > end], end)):
        learnt = dates[train.intersection(side.index)]
        if isinstance(gap, str):
            assert ((learnt - edge).abs() > pd.Timedelta(gap)).all()
        elif len(side):
            nearest = (side - edge).abs().sort_values()
            limit = nearest.iloc[min(gap, len(side)) - 1]
            assert ((learnt - edge).abs() > limit).all()
    assert not ((dates[train] >= start) & (dates[train] <= end)).any()


@FORTY
@given(problem=dated_rows(), kind=st.sampled_from(["time_series", "holdout", "column"]), n=st.integers(2, 4))
def test_no_training_row_lies_within_the_gap(problem: dict[str, Any], kind: Any, n: int) -> None:
    ids, dates = problem["ids"], problem["dates"]
    column = pd.Series(pd.qcut(dates.rank(method="min"), n, labels=False, duplicates="drop"), index=ids)
    folds, _ = make_folds(ids, kind=kind, n=n, dates=dates, column=column, gap=problem["gap"])
    for fold in folds.numbers():
        assert len(folds.train(fold))
        assert_no_row_within(problem["gap"], dates, folds.train(fold), folds.valid(fold))


@FORTY
@given(problem=dated_rows())
def test_the_inner_split_by_time_keeps_the_gap(problem: dict[str, Any]) -> None:
    learn, choose = inner_split(
        problem["ids"], fraction=0.2, seed=0, kind="time_series", dates=problem["dates"], gap=problem["gap"]
    )
    assert len(learn) and len(choose)
    assert_no_row_within(problem["gap"], problem["dates"], learn, choose)


def test_a_week_of_daily_rows_is_seven_of_them_and_so_are_seven_rows() -> None:
    ids = pd.Index([f"d{i}" for i in range(100)])
    dates = pd.Series(pd.date_range("2020-01-01", periods=100), index=ids)
    none, _ = make_folds(ids, kind="holdout", dates=dates, span="10D")
    time, _ = make_folds(ids, kind="holdout", dates=dates, span="10D", gap="7D")
    rows, _ = make_folds(ids, kind="holdout", dates=dates, span="10D", gap=7)
    counted, _ = make_folds(ids, kind="holdout", dates=pd.Series(range(100), index=ids), span=10.0, gap=7.0)
    assert list(time.train(0)) == list(ids[:83]) == list(rows.train(0)) == list(counted.train(0))
    assert list(none.train(0)) == list(ids[:90])
    assert time.hash == rows.hash != none.hash


def test_rows_of_a_date_are_not_torn_apart_by_a_gap_of_rows() -> None:
    ids = pd.RangeIndex(40)
    dates = pd.Series(np.repeat(np.arange(10), 4), index=ids)
    folds, _ = make_folds(ids, kind="holdout", dates=dates, span=2, gap=5)
    assert sorted(dates[folds.train(0)].unique()) == [0, 1, 2, 3, 4, 5]  # two dates of four rows hold the five


def test_a_gap_is_written_read_and_hashed(tmp_path: Path) -> None:
    ids = pd.Index([f"d{i}" for i in range(60)])
    folds, _ = make_folds(ids, kind="time_series", n=3, dates=pd.Series(range(60), index=ids), gap=4)
    write_folds(tmp_path / "folds.parquet", folds, "f")
    again = read_folds(tmp_path / "folds.parquet")
    assert again.hash == folds.hash and again.purged is not None
    for fold in folds.numbers():
        assert again.train(fold).equals(folds.train(fold))
    other = Folds(folds.frame, folds.kind, folds.n, folds.repeats, np.roll(folds.purged, 1, axis=0))  # type: ignore[arg-type]
    assert other.hash != folds.hash


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"kind": "kfold", "gap": "7D"}, "folds.gap: has no meaning for kind kfold"),
        ({"kind": "holdout", "gap": "7D", "dates": None}, "without folds.date"),
        ({"kind": "time_series", "gap": 7.0}, "the column of folds.date holds dates; expected a length of time"),
        ({"kind": "time_series", "gap": "80D"}, "folds.gap: 80D purges all 25 training rows of fold 0"),
    ],
)
def test_a_gap_that_cannot_be_is_refused(keys: dict[str, Any], told: str) -> None:
    ids = pd.RangeIndex(100)
    dates = pd.Series(pd.date_range("2020-01-01", periods=100), index=ids)
    with pytest.raises(ConfigError) as refused:
        make_folds(ids, **{"dates": dates, "n": 3, **keys})
    assert told in refused.value.message


def daily_contest(root: Path, **folds: Any) -> Path:
    days = pd.date_range("2020-01-01", periods=150).strftime("%Y-%m-%d")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": range(150), "when": days, "x": rng.normal(size=150)})
    frame["y"] = frame.x * 2 + rng.normal(size=150)
    train, test = frame.iloc[:120], frame.iloc[120:].drop(columns="y")
    return write_contest(root, train, test, test[["id"]].assign(y=0.0), target="y", metric="rmse", folds=folds)


def test_every_split_inside_a_training_part_keeps_the_gap(tmp_path: Path) -> None:
    root = daily_contest(tmp_path, kind="time_series", date="when", n=2, gap="5d")
    contest, folds = load_contest(root), split(Context(root, Reporter()))
    dates = pd.to_datetime(contest.dates(contest.train.index))  # type: ignore[arg-type]
    ids = folds.train(1)
    assert (dates[folds.valid(1)].min() - dates[ids].max()).days == 6
    inner = [inner_places(contest, ids, fraction=0.2, seed=0), *inner_folds(contest, ids, n=5, seed=0)]
    inner += blind_folds(contest, ids, n=5, seed=0)
    assert len(inner) > 5
    for learn, choose in inner:
        assert_no_row_within("5D", dates, ids[learn], ids[choose])


def test_a_gap_longer_than_the_first_inner_stretch_makes_fewer_inner_folds(tmp_path: Path) -> None:
    root = daily_contest(tmp_path, kind="holdout", date="when", span="30D", gap="20D")
    contest, folds = load_contest(root), split(Context(root, Reporter()))
    inner = inner_folds(contest, folds.train(0), n=5, seed=0)  # 70 days: the first of six stretches has 12
    assert len(inner) == 2 and all(len(learn) for learn, _ in inner)


def test_split_and_check_show_the_gap(tmp_path: Path) -> None:
    root = daily_contest(tmp_path, date="when", n=2, gap="5D")
    (root / "pipelines").mkdir()
    (root / "pipelines" / "linear.yaml").write_text("learner: linear\n")
    assert "2 x time_series, gap 5D (inferred from folds.gap)" in outfold(root, "check").stdout
    assert "in the gap" in outfold(root, "split").stdout
