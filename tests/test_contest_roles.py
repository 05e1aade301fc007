"""Columns get the roles that they are given; the others are inferred, and what is left out is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from contest_folder import write_contest

from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.data.reading.dates import parse_dates
from outfold.errors import ConfigError, DataError

ROWS = 120


def table(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"id": range(ROWS), "y": [row % 2 for row in range(ROWS)], **columns})


def contest(root: Path, frame: pd.DataFrame, test: pd.DataFrame | None = None, **roles: Any) -> Contest:
    test = frame.drop(columns="y") if test is None else test
    sample = test[["id"]].assign(y=0.5)
    return load_contest(write_contest(root, frame, test, sample, target="y", columns=roles))


def test_numbers_are_continuous_and_repeated_text_and_booleans_categorical(tmp_path: Path) -> None:
    frame = table(
        age=np.linspace(0, 1, ROWS), town=["Ulm", "Bonn", "Kiel"] * 40, member=[row % 3 == 0 for row in range(ROWS)]
    )
    roles = contest(tmp_path, frame).roles
    assert roles.continuous == ["age"]
    assert roles.categorical == ["town", "member"]


def test_the_id_and_the_target_are_no_features(tmp_path: Path) -> None:
    roles = contest(tmp_path, table(x=range(ROWS))).roles
    assert roles.continuous == ["x"]


def test_text_that_hardly_repeats_is_left_out_with_a_word(tmp_path: Path) -> None:
    found = contest(tmp_path, table(name=[f"name {row}" for row in range(ROWS)], x=range(ROWS)))
    assert found.roles.categorical == []
    assert any("hardly ever repeats: name" in warning for warning in found.warnings)


def test_declared_text_that_hardly_repeats_is_categorical_all_the_same(tmp_path: Path) -> None:
    frame = table(name=[f"name {row}" for row in range(ROWS)])
    assert contest(tmp_path, frame, categorical=["name"]).roles.categorical == ["name"]


def test_constant_columns_are_left_out_with_a_word(tmp_path: Path) -> None:
    found = contest(tmp_path, table(k=[7] * ROWS, gap=[None] * ROWS, x=range(ROWS)))
    assert found.roles.continuous == ["x"]
    assert any("one value only: k, gap" in warning for warning in found.warnings)


def test_columns_that_the_test_set_lacks_are_left_out_with_a_word(tmp_path: Path) -> None:
    frame = table(x=range(ROWS), seen_later=range(ROWS))
    found = contest(tmp_path, frame, frame[["id", "x"]])
    assert found.roles.continuous == ["x"]
    assert any("not in the test set: seen_later" in warning for warning in found.warnings)


def test_a_column_without_a_name_is_left_out_with_a_word(tmp_path: Path) -> None:
    frame = table(x=range(ROWS)).rename(columns={"x": ""}).assign(z=[row % 5 for row in range(ROWS)])
    found = contest(tmp_path, frame)
    assert found.roles.continuous == ["z"]
    assert any("Unnamed: 2" in warning for warning in found.warnings)


def test_numbers_declared_categorical_are_not_continuous(tmp_path: Path) -> None:
    frame = table(zone=[row % 4 for row in range(ROWS)], x=range(ROWS))
    roles = contest(tmp_path, frame, categorical="zone").roles
    assert (roles.continuous, roles.categorical) == (["x"], ["zone"])


def test_a_declared_list_is_the_whole_list_and_what_it_lacks_is_told(tmp_path: Path) -> None:
    found = contest(tmp_path, table(a=range(ROWS), b=range(ROWS)), continuous=["a"])
    assert found.roles.continuous == ["a"]
    assert any("columns.continuous: b" in warning for warning in found.warnings)


def test_ignored_and_text_columns_are_no_features(tmp_path: Path) -> None:
    frame = table(a=range(ROWS), b=["one two", "three"] * 60, c=range(ROWS))
    found = contest(tmp_path, frame, ignore=["a"], text=["b"])
    assert (found.roles.continuous, found.roles.categorical, found.roles.text) == (["c"], [], ["b"])
    assert found.warnings == ()


@pytest.mark.parametrize("role", ["categorical", "continuous", "dates", "text", "ignore", "group"])
def test_a_declared_column_that_is_not_there_names_the_nearest(tmp_path: Path, role: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"columns\.{role}: .*train\.csv has no column 'wieght'; did you mean weight"
    ):
        contest(tmp_path, table(weight=range(ROWS)), **{role: "wieght"})


def test_a_declared_feature_that_the_test_table_lacks_is_refused(tmp_path: Path) -> None:
    frame = table(x=range(ROWS), z=range(ROWS))
    with pytest.raises(DataError, match=r"test\.csv: there is no column 'z'"):
        contest(tmp_path, frame, frame[["id", "x"]], continuous=["x", "z"])


def test_a_column_that_is_text_in_one_table_only_is_text_in_both(tmp_path: Path) -> None:
    frame = table(code=[row % 5 for row in range(ROWS)])
    test = frame.drop(columns="y").assign(code=["1", "x"] * 60)
    found = contest(tmp_path, frame, test)
    assert found.roles.categorical == ["code"]
    assert found.train["code"].tolist()[:2] == ["0", "1"]
    assert any(warning.startswith("code: text in one of train.csv and test.csv") for warning in found.warnings)


def test_declared_dates_are_parsed_in_both_tables(tmp_path: Path) -> None:
    days = pd.date_range("2017-01-20", periods=ROWS).strftime("%d/%m/%Y")
    found = contest(tmp_path, table(day=days), dates="day")
    assert found.roles.dates == ["day"]
    assert found.train["day"].iloc[0] == found.test["day"].iloc[0] == pd.Timestamp("2017-01-20")


def test_a_date_that_cannot_be_read_names_file_column_and_row(tmp_path: Path) -> None:
    days = ["2017-01-20"] * (ROWS - 1) + ["soon"]
    with pytest.raises(DataError, match=rf"train\.csv: day: 1 rows hold no date: {ROWS - 1} \(the first is 'soon'\)"):
        contest(tmp_path, table(day=days), dates="day")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2017-07-31", "2017-07-31T13:45:00"], "2017-07-31"),
        (["2017-07-31T02:00:00+02:00", "2017-08-01T00:00:00Z"], "2017-07-31"),
        (["07/31/2017", "12/01/2017"], "2017-07-31"),
        (["31.07.2017", "12.01.2017"], "2017-07-31"),
        ([20170731, 20170801], "2017-07-31"),
        ([1501459200, 1501459201], "2017-07-31"),
        ([1501459200000, 1501459200001], "2017-07-31"),
        ([2017, 2018], "2017-01-01"),
        (["2017-07-31", None], "2017-07-31"),
    ],
)
def test_dates_are_read_in_the_forms_that_contests_use(values: list[Any], expected: str) -> None:
    (dates,) = parse_dates([pd.Series(values)], ["t"])
    assert dates.iloc[0] == pd.Timestamp(expected)
    assert dates.notna().sum() == pd.Series(values).notna().sum()


def test_day_and_month_are_never_swapped_between_two_tables() -> None:
    train, test = parse_dates([pd.Series(["01/02/2017"]), pd.Series(["31/01/2017"])], ["train", "test"])
    assert train.iloc[0] == pd.Timestamp("2017-02-01") and test.iloc[0] == pd.Timestamp("2017-01-31")
