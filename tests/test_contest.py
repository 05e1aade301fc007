"""A contest is read as it is asked: rows by id, the truth in codes, nothing by position."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from contest_folder import cancer_tables, iris_tables, write_contest
from hypothesis import given
from hypothesis import strategies as st

from outfold.contest_files import load_contest
from outfold.data.loading.ids import settle_ids
from outfold.errors import ConfigError

TEST_DATA = os.environ.get("OUTFOLD_TEST_DATA")


def test_iris_is_a_multiclass_contest_with_an_output_for_each_species(tmp_path: Path) -> None:
    train, test, sample = iris_tables()
    contest = load_contest(write_contest(tmp_path, train, test, sample, target="species"))
    assert contest.task == "multiclass"
    assert contest.classes == contest.outputs == ["setosa", "versicolor", "virginica"]
    assert contest.id_column == "flower"
    assert contest.metric.name == "log_loss"
    assert contest.roles.continuous == list(test.columns[1:])
    assert contest.warnings == ()


def test_rows_keep_the_order_of_the_file_and_are_indexed_by_id(tmp_path: Path) -> None:
    train, test, sample = iris_tables()
    contest = load_contest(write_contest(tmp_path, train, test, sample, target="species"))
    assert contest.train.index.name == contest.test.index.name == "id"
    assert contest.train.index.tolist() == train["flower"].tolist()
    assert contest.test.index.tolist() == test["flower"].tolist()
    assert contest.train["species"].tolist() == train["species"].tolist()
    np.testing.assert_array_equal([contest.classes[code] for code in contest.y], train["species"])


def test_truth_and_rows_come_in_the_order_of_the_ids_that_are_asked_for(tmp_path: Path) -> None:
    train, test, sample = iris_tables()
    contest = load_contest(write_contest(tmp_path, train, test, sample, target="species"))
    ids = pd.Index([contest.train.index[7], contest.train.index[2]])
    assert contest.rows("train", ids)["species"].tolist() == train["species"].iloc[[7, 2]].tolist()
    np.testing.assert_array_equal(contest.truth(ids), contest.y[[7, 2]])


def test_an_id_that_is_no_training_row_has_no_truth(tmp_path: Path) -> None:
    contest = load_contest(write_contest(tmp_path, *iris_tables(), target="species"))
    with pytest.raises(KeyError, match="4711"):
        contest.truth(pd.Index([4711]))


def test_ids_with_leading_zeros_stay_text_everywhere(tmp_path: Path) -> None:
    contest = load_contest(write_contest(tmp_path, *cancer_tables(), target="diagnosis"))
    assert contest.train.index[:2].tolist() == ["00000", "00001"]
    assert contest.sample["patient"].iloc[0] == contest.test.index[0] == "00400"


def test_ids_that_are_whole_numbers_become_int64(tmp_path: Path) -> None:
    contest = load_contest(write_contest(tmp_path, *iris_tables(), target="species"))
    assert contest.train.index.dtype == contest.test.index.dtype == contest.sample["flower"].dtype == np.int64


def test_one_id_that_is_no_number_keeps_all_of_them_text(tmp_path: Path) -> None:
    train, test, sample = iris_tables()
    train["flower"] = ["one", *train["flower"].astype(str)[1:]]
    contest = load_contest(write_contest(tmp_path, train, test, sample, target="species"))
    assert contest.test.index.tolist() == test["flower"].astype(str).tolist()


@pytest.mark.parametrize("kind", ["int64", "float64", "str"])
def test_ids_in_parquet_are_what_they_are_in_csv(tmp_path: Path, kind: str) -> None:
    train, test, sample = iris_tables()
    root = write_contest(tmp_path, None, test, sample, target="species", train="train.parquet")
    train.astype({"flower": kind}).to_parquet(root / "inputs" / "train.parquet")
    assert load_contest(root).train.index.tolist() == train["flower"].tolist()


@given(st.lists(st.one_of(st.integers(), st.text(max_size=5)).map(str), min_size=1, unique=True))
def test_settled_ids_are_written_as_they_were_read(ids: list[str]) -> None:
    (settled,) = settle_ids(pd.Index(ids, dtype=object))
    assert [str(value) for value in settled] == ids


def test_the_sample_submission_keeps_its_own_order_and_columns(tmp_path: Path) -> None:
    train, test, sample = iris_tables()
    sample = sample.iloc[::-1][["flower", "virginica", "setosa", "versicolor"]]
    contest = load_contest(write_contest(tmp_path, train, test, sample, target="species"))
    assert contest.sample.columns.tolist() == sample.columns.tolist()
    assert contest.sample["flower"].tolist() == sample["flower"].tolist()


def test_without_a_test_table_the_rows_are_those_of_the_sample_submission(tmp_path: Path) -> None:
    train, _, sample = iris_tables()
    contest = load_contest(write_contest(tmp_path, train, None, sample, target="species"))
    assert contest.test.index.tolist() == sample["flower"].tolist()
    assert contest.test.columns.tolist() == []
    assert contest.roles.continuous == []


def test_the_letter_that_comes_last_is_the_positive_class(tmp_path: Path) -> None:
    train, test, sample = cancer_tables()
    contest = load_contest(write_contest(tmp_path, train, test, sample, target="diagnosis"))
    assert (contest.task, contest.classes, contest.outputs) == ("binary", ["B", "M"], ["diagnosis"])
    assert contest.y.sum() == (train["diagnosis"] == "M").sum()
    assert contest.metric.name == "auc"


def test_the_positive_class_can_be_said(tmp_path: Path) -> None:
    train, test, sample = cancer_tables()
    contest = load_contest(write_contest(tmp_path, train, test, sample, target="diagnosis", positive="B"))
    assert contest.classes == ["M", "B"]
    assert contest.y.sum() == (train["diagnosis"] == "B").sum()


def test_groups_and_the_column_of_folds_come_by_id_and_are_no_features(tmp_path: Path) -> None:
    train, test, sample = iris_tables()
    train = train.assign(meadow=train["flower"] % 7, part=train["flower"] % 3)
    test = test.assign(meadow=test["flower"] % 7, part=test["flower"] % 3)
    root = write_contest(
        tmp_path,
        train,
        test,
        sample,
        target="species",
        columns={"group": "meadow"},
        folds={"kind": "column", "column": "part"},
    )
    contest = load_contest(root)
    ids = contest.train.index[[5, 3]]
    groups, folds = contest.groups(ids), contest.fold_column(ids)
    assert groups is not None and groups.to_dict() == {id_: id_ % 7 for id_ in ids}
    assert folds is not None and folds.to_dict() == {id_: id_ % 3 for id_ in ids}
    assert not {"meadow", "part"} & {*contest.roles.continuous, *contest.roles.categorical}


def test_a_contest_that_names_no_group_and_no_date_has_none(tmp_path: Path) -> None:
    contest = load_contest(write_contest(tmp_path, *iris_tables(), target="species"))
    assert contest.groups(contest.train.index) is None
    assert contest.dates(contest.train.index) is None
    assert contest.fold_column(contest.train.index) is None


def test_folds_by_a_column_that_is_not_there_name_the_nearest(tmp_path: Path) -> None:
    root = write_contest(tmp_path, *iris_tables(), target="species", folds={"group": "sepal length"})
    with pytest.raises(ConfigError, match=r"folds\.group.*'sepal length'; did you mean sepal length \(cm\)"):
        load_contest(root)


def test_the_metric_tells_which_task_it_is_where_the_values_do_not(tmp_path: Path) -> None:
    train, test, sample = cancer_tables()
    train["diagnosis"] = (train["diagnosis"] == "M").astype(int)
    contest = load_contest(write_contest(tmp_path, train, test, sample, target="diagnosis", metric="rmse"))
    assert contest.task == "regression"
    assert contest.y.dtype == np.float64


def test_a_metric_that_does_not_fit_the_task_is_refused(tmp_path: Path) -> None:
    root = write_contest(tmp_path, *iris_tables(), target="species", metric="rmse")
    with pytest.raises(ConfigError, match="metric rmse is not defined for a multiclass task"):
        load_contest(root)


def test_a_sample_with_one_column_for_one_target_may_call_it_as_it_likes(tmp_path: Path) -> None:
    train, test, sample = cancer_tables()
    sample = sample.rename(columns={"diagnosis": "probability"})
    contest = load_contest(write_contest(tmp_path, train, test, sample, target="diagnosis"))
    assert contest.sample.columns.tolist() == ["patient", "probability"]


def test_a_second_reading_gives_the_same_contest(tmp_path: Path) -> None:
    root = write_contest(tmp_path, *iris_tables(), target="species")
    one, two = load_contest(root), load_contest(root)
    pd.testing.assert_frame_equal(one.train, two.train)
    np.testing.assert_array_equal(one.y, two.y)
    assert one.roles == two.roles


@pytest.mark.skipif(TEST_DATA is None, reason="needs OUTFOLD_TEST_DATA")
def test_titanic_needs_four_lines_and_a_third_of_a_second(tmp_path: Path) -> None:
    root = write_contest(tmp_path, target="Survived", test="test.csv", sample_submission="gender_submission.csv")
    for name in ("train.csv", "test.csv", "gender_submission.csv"):
        (root / "inputs" / name).symlink_to(Path(str(TEST_DATA)).absolute() / "titanic" / name)
    load_contest(root)
    start = time.process_time()
    contest = load_contest(root)
    assert time.process_time() - start < 0.3
    assert (contest.task, contest.classes) == ("binary", [0, 1])
    assert contest.roles.categorical == ["Sex", "Embarked"]
    assert contest.roles.continuous == ["Pclass", "Age", "SibSp", "Parch", "Fare"]
    assert any("Name, Ticket, Cabin" in warning for warning in contest.warnings)
