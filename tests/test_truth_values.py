"""Truth values are one thing however a table writes them, and check tells what only one of the tables has."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from chain import blended
from contest_folder import cancer_tables, write_contest
from sklearn.metrics import roc_auc_score

from outfold.contest_files import load_contest
from outfold.data.loading.boolean_spellings import alike_truth_values
from outfold.errors import DataError
from outfold.progress import LineReporter
from outfold.runs.context import Context
from outfold.stages.check import check
from outfold.store.predictions import mean_by_id

WRITINGS = {
    "bool and 0/1": (("False", "True"), ("0", "1")),
    "0/1 and bool": (("0", "1"), ("False", "True")),
    "bool and 0.0/1.0": (("False", "True"), ("0.0", "1.0")),
    "letters and their case": (("f", "t"), ("F", "T")),
    "case and blanks": (("No", "Yes"), (" no", "yes ")),
    "yes and 1": (("no", "yes"), ("0", "1")),
    "1 and yes": (("0", "1"), ("N", "Y")),
}


def cancer(root: Path, writing: tuple[tuple[str, str], tuple[str, str]], gaps: int = 0) -> pd.Series:
    """Breast cancer told by one flag, which the two tables write in two ways; whether each test row is malignant."""
    train, test, sample = cancer_tables()
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    flag = data.data[:, 20] > 16.5  # the worst radius
    train = train[["patient", "diagnosis"]].assign(flag=np.where(flag[:400], writing[0][1], writing[0][0]))
    test = test[["patient"]].assign(flag=np.where(flag[400:], writing[1][1], writing[1][0]))
    test.loc[test.index[:gaps], "flag"] = ""
    write_contest(root, train, test, sample, target="diagnosis", id="patient", metric="auc", folds={"n": 2})
    (root / "pipelines").mkdir(exist_ok=True)
    (root / "pipelines/linear.yaml").write_text("learner: linear\nC: [1.0]\n")
    return pd.Series(data.target[400:] == 0, index=test["patient"])


def checked(root: Path) -> str:
    out = io.StringIO()
    check(Context(root, LineReporter(out)))
    return out.getvalue()


@pytest.mark.parametrize("gaps", [pytest.param(0, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize("writing", WRITINGS.values(), ids=WRITINGS)
def test_two_ways_to_write_truth_values_are_one(
    tmp_path: Path, writing: tuple[tuple[str, str], tuple[str, str]], gaps: int
) -> None:
    malignant = cancer(tmp_path, writing, gaps)
    said = mean_by_id(pd.read_parquet(blended(tmp_path, "linear") / "artifacts/blend/test.parquet"))["diagnosis"]
    said.index = malignant.index
    assert roc_auc_score(malignant, said) > 0.9


def test_check_tells_how_truth_values_were_read(tmp_path: Path) -> None:
    cancer(tmp_path, WRITINGS["bool and 0/1"])
    assert "flag: truth values are written otherwise in the test table; read as in training: '" in checked(tmp_path)


def test_tables_that_agree_are_left_as_they_are() -> None:
    train = pd.DataFrame({"a": [True, False], "b": ["Yes", "no"], "c": [0, 1], "d": ["m", "f"], "e": [0.0, np.nan]})
    test = pd.DataFrame({"a": [True, True], "b": ["no", "no"], "c": [1.0, np.nan], "d": ["f", "t"], "e": [1, 1]})
    first, second, notes = alike_truth_values(train, test, set())
    assert notes == []
    pd.testing.assert_frame_equal(first, train)
    pd.testing.assert_frame_equal(second, test)


def test_an_alarm_where_every_test_row_has_a_category_that_training_lacks(tmp_path: Path) -> None:
    cancer(tmp_path, (("small", "large"), ("1: small", "2: large")))
    told = checked(tmp_path)
    assert "flag: every test row has a category that no training row has (training: large, small; test: " in told
    assert "columns: {ignore: [flag]}" in told


def test_dates_that_were_taken_for_categories_are_told_with_the_key_that_reads_them(tmp_path: Path) -> None:
    cancer(tmp_path, (("2012-01-06", "2012-01-13"), ("2012-02-03", "2012-02-10")))
    assert "if it has dates, say so: `columns: {dates: flag}`" in checked(tmp_path)


def test_categories_of_one_table_alone_are_shown_with_counts(tmp_path: Path) -> None:
    cancer(tmp_path, (("small", "large"), ("small", "huge")))
    facts = {line.split("  ")[1].strip(): line for line in checked(tmp_path).splitlines() if line.startswith("  ")}
    assert "flag: huge " in facts["only in the test set"] and "flag: large " in facts["only in training"]


def test_check_shows_the_range_of_each_date_column(tmp_path: Path) -> None:
    train, test, sample = cancer_tables()
    train["seen"] = pd.date_range("2017-01-01", periods=len(train)).strftime("%Y-%m-%d")
    test["seen"] = pd.date_range("2019-05-01", periods=len(test)).strftime("%Y-%m-%d")
    write_contest(tmp_path, train, test, sample, target="diagnosis", id="patient", columns={"dates": ["seen"]})
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines/linear.yaml").write_text("learner: linear\n")
    assert "train 2017-01-01 to 2018-02-04, test 2019-05-01 to 2019-10-16" in checked(tmp_path)


@pytest.mark.parametrize("odd", ["?", "nan ", "O", "11"])
def test_one_odd_label_among_0_and_1_is_named_with_its_row(tmp_path: Path, odd: str) -> None:
    rows = "".join(f"r{row},{row % 7},{row % 2}\n" for row in range(150))
    sample = "id,y\nt1,0\nt2,0\n"
    write_contest(tmp_path, f"id,x,y\n{rows}r150,1,{odd}\n", "id,x\nt1,1\nt2,2\n", sample, target="y", id="id")
    if odd == "11":  # a number may be a class or an amount
        assert load_contest(tmp_path).task == "multiclass"
        return
    told = "y has no value in 1 of 151 rows: r150" if odd == "nan " else "in row 'r150' .*all others are 0 or 1"
    with pytest.raises(DataError, match=rf"train\.csv: the target .*{told}"):
        load_contest(tmp_path)
