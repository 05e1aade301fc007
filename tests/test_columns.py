"""outfold columns: every column is told for what it is, and what gives something away is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import IMAGES, outfold, write_images
from contest_folder import write_contest
from scipy.stats import ks_2samp, spearmanr
from sklearn.metrics import roc_auc_score

from outfold.contest_files import load_contest
from outfold.data.profiling import association, drift
from outfold.learners.adversarial import adversarial_validation
from outfold.progress import LineReporter, Reporter
from outfold.runs.context import Context
from outfold.stages.check import check
from outfold.stages.columns import columns

ROWS, TEST_ROWS = 300, 120


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTFOLD_THREADS", "1")


def write(root: Path, change: Any = None, **keys: Any) -> Path:
    """A contest of a number that the target follows and a town that it does not, and what ``change`` makes of it."""
    rng = np.random.default_rng(0)
    every = ROWS + TEST_ROWS
    frame = pd.DataFrame({"id": np.arange(every), "size": rng.normal(size=every).round(6)})
    frame["town"] = rng.choice(["Ulm", "Bonn", "Kiel"], every)
    frame["y"] = (frame["size"] + rng.normal(size=every) > 0).astype(int)
    train, test = frame[:ROWS].copy(), frame[ROWS:].drop(columns="y")
    if change is not None:
        train, test = change(train, test)
    sample = test[["id"]].assign(y=0.5)
    return write_contest(root, train, test, sample, target="y", **keys)


def told(root: Path) -> dict[str, Any]:
    return dict(json.loads(columns(Context(root), as_json=True)))


def warning(root: Path, name: str) -> str:
    (column,) = (one for one in told(root)["columns"] if one["column"] == name)
    return str(column["warnings"])


def adds(name: str, train: Any, test: Any) -> Any:
    return lambda first, second: (first.assign(**{name: train}), second.assign(**{name: test}))


# what is shown


def test_each_column_is_told_with_its_role_type_gaps_and_levels(tmp_path: Path) -> None:
    def change(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        train.loc[:29, "town"] = None
        return train.assign(zone=np.arange(ROWS) % 9), test.assign(zone=np.arange(TEST_ROWS) % 9)

    root = write(tmp_path, change, columns={"roles": {"zone": "categorical"}})
    found = {one.pop("column"): one for one in told(root)["columns"]}
    assert list(found) == ["y", "size", "town", "zone"]
    assert [found[name]["role"] for name in found] == ["target", "continuous", "categorical", "categorical"]
    assert [found[name]["declared"] for name in found] == [True, False, False, True]
    assert [found[name]["type"] for name in found] == ["whole", "number", "text", "whole"]
    assert (found["town"]["missing_train"], found["town"]["missing_test"], found["town"]["distinct"]) == (0.1, 0, 3)
    assert found["size"]["relation"] > 0.4 > 0.1 > found["town"]["relation"]
    assert found["y"]["drift"] is None and found["size"]["drift"] < found["size"]["drift_by_chance"]


def test_the_table_fits_120_columns_and_lies_in_artifacts(tmp_path: Path) -> None:
    long = "a_name_that_somebody_thought_would_explain_everything"
    root = write(tmp_path, adds(long, ["word " * 20] * 150 + ["other"] * 150, "other"))
    printed = outfold(root, "columns").stdout
    (header,) = (line for line in printed.splitlines() if line.lstrip().startswith("column "))
    rows = printed.splitlines()[printed.splitlines().index(header) :][1:5]
    assert [row.split()[0] for row in rows] == ["y", "size", "town", long[:23] + "…"]
    assert max(len(line) for line in [header, *rows]) <= 120
    assert "another role: `columns: {roles: {COLUMN: categorical}}`" in printed
    assert pd.read_csv(root / "artifacts" / "columns.csv")["column"].tolist() == ["y", "size", "town", long]


def test_json_is_all_that_is_printed(tmp_path: Path) -> None:
    root = write(tmp_path)
    found = json.loads(outfold(root, "columns", "--json").stdout)
    assert [one["column"] for one in found["columns"]] == ["y", "size", "town"]
    assert 0.3 < found["adversarial_validation"]["auc"] < 0.6


# what is warned of


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [
        (range(ROWS), range(ROWS, ROWS + TEST_ROWS), "every row has another value: an id?"),
        ([f"n{row}" for row in range(ROWS)], "n", "every row has another value: an id?"),
        (7, 7, "constant"),
        ([7, None] * 150, 7, "one value, or missing"),
        ([1, 2, 3, 4] * 75, 1, "4 whole numbers; if they are codes, say `columns: {roles: {odd: categorical}}`"),
        (["Ulm", "ulm ", "Bonn"] * 100, "Bonn", "differ by case or blanks alone, and are different categories"),
        (["Ulm", "Bonn"] * 150, ["Ulm", "BONN"] * 60, "differ by case or blanks alone, and are different categories"),
        (["2017-01-02", "2017-03-04"] * 150, "2017-01-02", "looks like dates: say `columns: {roles: {odd: dates}}`"),
        ([1.5, np.inf, 2.5] * 100, [-np.inf] * 2 + [0.5] * 118, "102 infinite values, which count as missing"),
        ([1.5, 2.5, 3.5] * 100, None, "empty in the test set"),
        ([1.5, 2.5, 3.5] * 100, [1.5, None] * 60, "missing in 0% of the training rows, in 50% of the test rows"),
        (["a", "b"] * 150, ["a", "b", "c"] * 40, "33.3% of the test rows have a category that training has not"),
        (np.arange(ROWS) / 7, 43.0, "the test set has other values of it than training (1.00)"),
    ],
)
def test_what_is_odd_about_a_column_is_said_in_words(tmp_path: Path, train: Any, test: Any, words: str) -> None:
    assert words in warning(write(tmp_path, adds("odd", train, test)), "odd")


def test_counts_are_not_taken_for_codes(tmp_path: Path) -> None:
    children = [0] * 170 + [1] * 70 + [2] * 40 + [4] * 20
    assert "codes" not in warning(write(tmp_path, adds("children", children, children[:TEST_ROWS])), "children")


def test_years_that_stand_for_no_date_are_named(tmp_path: Path) -> None:
    root = write(tmp_path, adds("day", ["2017-01-02", "9999-12-31"] * 150, "1000-01-01"), columns={"dates": ["day"]})
    assert "years 9999: placeholders for no date?" in warning(root, "day")


def test_a_column_that_is_the_target_in_other_words_is_named(tmp_path: Path) -> None:
    def change(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        words = train["y"].map({0: "no", 1: "yes"})
        return train.assign(paid=words, sum=train["y"] * 9.5), test.assign(paid="no", sum=0.5)

    found = {one["column"]: one["warnings"] for one in told(write(tmp_path, change))["columns"]}
    assert all("alone it all but tells the target (1.000)" in found[name] for name in ("paid", "sum"))
    assert "tells the target" not in found["size"] + found["town"]


def test_a_target_that_the_test_set_has_is_named(tmp_path: Path) -> None:
    (found,) = told(write(tmp_path, lambda train, test: (train, test.assign(y=0))))["warnings"]
    assert found == "test.csv has the target y, too, which no model is shown: a placeholder?"


def test_good_columns_are_not_warned_of(tmp_path: Path) -> None:
    found = told(write(tmp_path))
    assert [one["warnings"] for one in found["columns"]] == ["", "", ""] and found["warnings"] == []


def test_what_the_contest_file_ignores_is_left_alone(tmp_path: Path) -> None:
    root = write(tmp_path, adds("odd", 7, 7), columns={"ignore": ["odd"]})
    assert warning(root, "odd") == ""


# rows


def sorted_by_target(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ids given out along a list that was sorted by the target, nearly; the file is shuffled."""
    order = np.argsort(train["y"] + np.random.default_rng(1).normal(scale=0.5, size=ROWS), kind="stable")
    train = train.iloc[order].assign(id=np.arange(ROWS))
    return train.sample(frac=1, random_state=0), test


def test_a_contest_of_several_targets_shows_what_goes_with_any(tmp_path: Path) -> None:
    def change(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        return train.assign(z=(train["town"] == "Ulm").astype(int)), test

    root = write(tmp_path, change)
    sample = pd.read_csv(root / "inputs" / "sample_submission.csv").assign(z=0.5)
    write_contest(root, None, None, sample, target=["y", "z"], test="test.csv", task="multilabel")
    found = {one["column"]: one for one in told(root)["columns"]}
    assert [found[name]["role"] for name in ("y", "z")] == ["target", "target"]
    assert found["town"]["relation"] == pytest.approx(1, abs=0.01) and found["size"]["relation"] < 0.9


def test_a_contest_of_images_alone_shows_its_target(tmp_path: Path) -> None:
    write_images(tmp_path)
    (tmp_path / "competition").mkdir()
    (tmp_path / "competition" / "competition.yaml").write_text(IMAGES)
    assert [one["column"] for one in told(tmp_path)["columns"]] == ["label"]


@pytest.mark.parametrize("text", [False, True])
def test_ids_that_tell_the_target_are_found_by_columns_and_by_check(tmp_path: Path, text: bool) -> None:
    def change(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        parts = sorted_by_target(train, test)
        return tuple(part.assign(id=part["id"].map("c{:04d}".format)) for part in parts) if text else parts  # type: ignore[return-value]

    root = write(tmp_path, change)
    (pipelines := root / "pipelines").mkdir()
    (pipelines / "trees.yaml").write_text("learner: gbdt\n")
    (found,) = told(root)["warnings"]
    assert found.startswith("the order of the ids goes with the target (0.")
    assert found in outfold(root, "check").stdout


def test_a_file_that_is_sorted_by_the_target_is_named_though_its_ids_are_not(tmp_path: Path) -> None:
    root = write(tmp_path, lambda train, test: (train.sort_values("y", kind="stable"), test))
    (found,) = told(root)["warnings"]
    assert found.startswith("the order of the rows in the file goes with the target (1.00")


def test_ids_that_go_with_a_number_are_found_too(tmp_path: Path) -> None:
    def change(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        return train.assign(y=np.sqrt(train["id"]) + train["size"]), test

    (found,) = told(write(tmp_path, change, task="regression"))["warnings"]
    assert "the order of the ids goes with the target (0.9" in found


def test_test_rows_that_training_has_are_counted_and_named(tmp_path: Path) -> None:
    def change(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        copies = train.iloc[10:40].drop(columns="y").assign(id=range(9000, 9030))
        return train, pd.concat([test, copies])

    (found,) = told(write(tmp_path, change))["warnings"]
    assert found.startswith("30 of 150 test rows equal a training row in all columns: 9000, 9001, 9002 and 27 more")


def test_rows_of_few_possible_values_are_equal_by_chance_and_nothing_is_said(tmp_path: Path) -> None:
    def change(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        return train.assign(size=np.arange(ROWS) % 7 / 2), test.assign(size=np.arange(TEST_ROWS) % 7 / 2)

    assert told(write(tmp_path, change))["warnings"] == []


# adversarial validation


def test_parts_that_differ_are_told_apart_by_the_column_that_differs(tmp_path: Path) -> None:
    days = pd.date_range("2017-01-01", periods=ROWS + TEST_ROWS).strftime("%Y-%m-%d")
    root = write(tmp_path, adds("day", days[:ROWS], days[ROWS:]), columns={"roles": {"day": "dates"}})
    verdict = adversarial_validation(load_contest(root), Reporter())
    assert verdict is not None and verdict.auc > 0.98
    assert verdict.shares.index[0] == "day" and verdict.shares.iloc[0] > 0.9
    assert verdict.shares.sum() == pytest.approx(1)
    assert "they do not look alike; by day" in outfold(root, "columns").stdout


def test_parts_that_are_alike_are_not_told_apart_and_every_run_says_the_same(tmp_path: Path) -> None:
    contest = load_contest(write(tmp_path))
    first, again = (adversarial_validation(contest, Reporter()) for _ in range(2))
    assert first is not None and again is not None
    assert 0.4 < first.auc < 0.6 and first.auc == again.auc


def test_large_parts_are_drawn_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outfold.learners.adversarial.MOST_ROWS", 50)
    contest = load_contest(write(tmp_path))
    first, again = (adversarial_validation(contest, Reporter()) for _ in range(2))
    assert first is not None and again is not None and first.auc == again.auc


def test_a_contest_without_columns_has_nothing_to_tell_apart(tmp_path: Path) -> None:
    root = write(tmp_path, columns={"ignore": ["size", "town"]})
    assert told(root)["adversarial_validation"] is None


def test_check_tells_the_same_of_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path)
    (pipelines := root / "pipelines").mkdir()
    (pipelines / "trees.yaml").write_text("learner: gbdt\n")
    check(Context(root, LineReporter()))
    assert "warning" not in capsys.readouterr().out


# the measures


def test_the_relation_of_numbers_is_spearmans_and_of_two_classes_the_aucs() -> None:
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=400), rng.normal(size=400)
    y = np.exp(x + noise)
    assert association.of_numbers(x, y, "numbers").strength == pytest.approx(spearmanr(x, y).statistic)
    classes = (x + noise > 0).astype(int)
    found = association.of_numbers(x, classes, "classes")
    assert found.strength == pytest.approx(2 * roc_auc_score(classes, x) - 1)
    assert found.z > 6 > 4 > association.of_numbers(noise[::-1].copy(), classes, "classes").z


def test_a_number_is_not_said_to_tell_many_classes_for_telling_one_of_them() -> None:
    y = np.array([0, 1, 2] * 100)
    one = np.where(y == 0, 0.0, 1.0) + np.random.default_rng(0).normal(scale=0.1, size=300)
    assert 0.5 < association.of_numbers(one, y, "classes").strength < 0.9
    assert association.of_numbers(y * 2.5, y, "classes").strength == pytest.approx(1)


def test_the_relation_of_categories_has_no_bias_for_many_of_them() -> None:
    rng = np.random.default_rng(0)
    many = pd.Series(rng.integers(0, 100, 400).astype(str))
    for y, kind in ((rng.integers(0, 3, 400), "classes"), (rng.normal(size=400), "numbers")):
        assert association.of_categories(many, y, kind).strength < 0.2
    y = np.array([0, 1, 2] * 100)
    assert association.of_categories(pd.Series(list("abc") * 100), y, "classes").strength == pytest.approx(1)
    assert association.of_categories(pd.Series(list("abc") * 100), y * 1.5, "numbers").strength == pytest.approx(1)
    missing = pd.Series(np.where(y == 1, None, "a"))
    assert association.of_categories(missing, (y == 1).astype(int), "classes").strength == pytest.approx(1)


def test_drift_of_numbers_is_kolmogorov_smirnovs_and_of_categories_total_variation() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=200), rng.normal(0.5, size=150)
    found = drift.of_numbers(np.append(a, np.nan), b)
    assert found is not None and found.distance == pytest.approx(ks_2samp(a, b).statistic)
    words = drift.of_categories(pd.Series(["a"] * 6 + ["b"] * 4), pd.Series(["a"] * 3 + ["b"] * 5 + ["c"] * 2 + [None]))
    assert words is not None and words.distance == pytest.approx(0.3) and words.unseen == pytest.approx(0.2)


def test_drift_by_chance_is_what_two_samples_of_one_source_show() -> None:
    rng = np.random.default_rng(0)
    distances, chances = [], []
    for _ in range(40):
        first, second = (pd.Series(rng.integers(0, 50, size).astype(str)) for size in (400, 200))
        found = drift.of_categories(first, second)
        assert found is not None
        distances.append(found.distance)
        chances.append(found.chance)
    assert np.mean(distances) == pytest.approx(np.mean(chances), rel=0.1)
