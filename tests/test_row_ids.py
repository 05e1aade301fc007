"""Tables that call the id differently, have it in parts, or have none: how each row gets the sample's id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from named_contest import contest, rows, score, sent
from sklearn.metrics import roc_auc_score

from outfold.contest_files import load_contest
from outfold.errors import ConfigError, DataError

TARGET = ["price", "y", "status"]


def halves(table: pd.DataFrame, target: str = "y") -> tuple[pd.DataFrame, pd.DataFrame]:
    others = [name for name in TARGET if name != target]
    return table[:28].drop(columns=others), table[28:].drop(columns=TARGET)


def told(contest: Any, text: str) -> bool:
    return any(text in note for note in contest.warnings)


@pytest.mark.parametrize("keys", [{}, {"test_id": "row_number"}, {"test_id": "row_number", "train_id": "row_number"}])
def test_rows_of_a_table_without_ids_are_counted_as_the_sample_counts_them(tmp_path: Path, keys: dict) -> None:
    train, test = halves(rows().drop(columns="id"))
    sample = pd.DataFrame({"ImageId": np.arange(1, 13), "Label": 0})
    read = contest(tmp_path, train, test, sample, target="y", metric="auc", **keys)
    assert read.test.index.tolist() == list(range(1, 13)) and read.train.index.tolist() == list(range(28))
    assert read.test.loc[1, "a"] == test["a"].iloc[0]
    assert sent(read)["ImageId"].tolist() == [str(number) for number in range(1, 13)]
    assert told(read, "test.csv: no id column; its rows are numbered from 1") == (keys == {})


@pytest.mark.parametrize(
    "ids",
    [[f"row_{number:03d}" for number in range(12)], [*range(1461, 1473)], [f"{number}.png" for number in range(12)]],
)
def test_numbers_may_stand_in_a_name(tmp_path: Path, ids: list) -> None:
    train, test = halves(rows().drop(columns="id"))
    read = contest(tmp_path, train, test, pd.DataFrame({"key": ids, "y": 0}), target="y")
    assert read.test.index.tolist() == ids and sent(read)["key"].tolist() == list(map(str, ids))


def test_a_shuffled_sample_is_matched_by_number_where_the_user_says_row_number(tmp_path: Path) -> None:
    train, test = halves(rows().drop(columns="id"))
    sample = pd.DataFrame({"id": np.arange(12)[::-1], "y": 0})
    with pytest.raises(DataError, match="there is no id column 'id'"):
        contest(tmp_path, train, test, sample, target="y")
    read = contest(tmp_path, train, test, sample, target="y", test_id="row_number")
    assert read.test.index.tolist() == list(range(12)) and sent(read)["id"].tolist() == [
        str(i) for i in range(11, -1, -1)
    ]


@pytest.mark.parametrize(
    ("ids", "message"),
    [(["x", "y", *range(10)], "are not consecutive numbers"), (list(range(9)), "has 12 rows, and .* lists 9 ids")],
)
def test_row_numbers_that_the_sample_does_not_count_are_refused(tmp_path: Path, ids: list, message: str) -> None:
    train, test = halves(rows().drop(columns="id"))
    with pytest.raises(ConfigError, match=message):
        contest(tmp_path, train, test, pd.DataFrame({"id": ids, "y": 0}), target="y", test_id="row_number")


def sales() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Weekly sales; the sample's id is Store_Dept_Date."""
    table = pd.DataFrame([(s, d, f"2012-{m:02d}-06") for m in range(1, 7) for d in (1, 2, 10) for s in (1, 11)])
    table.columns = pd.Index(["Store", "Dept", "Date"])
    table = table.assign(Sales=table["Store"] * 10.0 + table["Dept"])
    test = table[-12:].drop(columns="Sales").sample(frac=1, random_state=0)
    ids = test["Store"].astype(str) + "_" + test["Dept"].astype(str) + "_" + test["Date"]
    return table[:-12], test, pd.DataFrame({"Id": ids, "Weekly_Sales": 0}).sort_values("Id")


@pytest.mark.parametrize("key", [None, ["Store", "Dept", "Date"]])
def test_columns_whose_values_make_the_id(tmp_path: Path, key: list[str] | None) -> None:
    train, test, sample = sales()
    keys = {} if key is None else {"test_id": key}
    read = contest(tmp_path, train, test, sample, target="Sales", metric="mae", **keys)
    assert read.train.index[0] == "1_1_2012-01-06" and {"Store", "Dept"} <= set(read.roles.continuous)
    assert sent(read)["Id"].tolist() == sample["Id"].tolist()
    assert told(read, "Store and Dept and Date, joined by '_', are the ids") == (key is None)


@pytest.mark.parametrize("separator", ["-", "|", " ", ""])
def test_the_parts_of_an_id_have_any_one_separator(tmp_path: Path, separator: str) -> None:
    codes = [f"{number:03d}" for number in range(40)]
    table = rows().drop(columns="id").assign(code=codes, part=["A", "B"] * 20)
    train, test = halves(table)
    ids = test["part"] + separator + test["code"]
    for keys in ({}, {"test_id": ["part", "code"]}):
        read = contest(tmp_path, train, test, pd.DataFrame({"id": ids, "y": 0.5}), target="y", **keys)
        assert sent(read)["id"].tolist() == ids.tolist()
        assert read.test.index[0] == ids.iloc[0] and read.test["a"].iloc[0] == test["a"].iloc[0]


@pytest.mark.parametrize("name", ["Id", "", "customer", "test_id"])
@pytest.mark.parametrize("named", [False, True])
def test_an_id_column_of_another_name_is_found_by_its_content(tmp_path: Path, name: str, named: bool) -> None:
    train, test = (half.rename(columns={"id": name}) for half in halves(rows()))
    sample = pd.DataFrame({"row_id": rows()["id"][28:], "y": 0.5})
    keys = {"id": name} if named and name else {}
    read = contest(tmp_path, train, test, sample, target="y", **keys)
    assert read.train.index.tolist() == list(range(1, 29)) and read.test.index.tolist() == list(range(29, 41))
    assert sent(read)["row_id"].tolist() == [str(number) for number in range(29, 41)]
    assert read.roles.continuous == ["a", "b"] and read.id_column == "row_id"


def test_two_columns_that_could_be_the_id_are_a_question_for_the_user(tmp_path: Path) -> None:
    train, test = halves(rows().rename(columns={"id": "first"}))
    test = test.assign(second=test["first"].to_numpy()[::-1])
    sample = pd.DataFrame({"row": test["first"], "y": 0.5})
    with pytest.raises(DataError, match="several columns hold the ids") as refused:
        contest(tmp_path, train, test, sample, target="y")
    assert "`test_id: [first]` or `test_id: [second]`" in str(refused.value.remedy)
    read = contest(tmp_path, train, test, sample, target="y", test_id="second")
    assert read.test.index.tolist() == list(range(40, 28, -1))


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (lambda ids: [f"{number}.0" for number in ids], "as numbers"),
        (lambda ids: [f"{number:05d}" for number in ids], "as numbers"),
        (lambda ids: [f" {number} " for number in ids], "without the blanks"),
        (lambda ids: [f"{number}.jpg" for number in ids], "without the ending"),
    ],
)
def test_ids_that_the_sample_writes_in_another_form(tmp_path: Path, written: Any, words: str) -> None:
    train, test = halves(rows())
    ids = written(test["id"])
    read = contest(tmp_path, train, test, pd.DataFrame({"id": ids, "y": 0.5})[::-1], target="y")
    assert read.test.index.tolist() == ids and told(read, words)
    assert sent(read)["id"].tolist() == ids[::-1]


def test_an_id_column_behind_the_target(tmp_path: Path) -> None:
    train, test = halves(rows())
    read = contest(tmp_path, train, test, pd.DataFrame({"y": 0.5, "id": test["id"]}), target="y")
    assert read.id_column == "id" and list(sent(read).columns) == ["y", "id"]


def test_a_column_of_the_same_name_but_other_values_is_not_numbered_over(tmp_path: Path) -> None:
    train, test = halves(rows())
    sample = pd.DataFrame({"ID": range(1, 13), "y": 0.5})
    with pytest.raises(DataError, match=r"there is no id column 'ID' .* did you mean id") as refused:
        contest(tmp_path, train, test, sample, target="y")
    assert "`test_id: row_number`" in str(refused.value.remedy)
    assert contest(tmp_path, train, test, sample, target="y", test_id="row_number").test.index[0] == 1


def test_an_id_column_with_one_wrong_id_is_not_numbered_instead(tmp_path: Path) -> None:
    train, test = halves(rows())
    sample = pd.DataFrame({"id": range(30, 42), "y": 0.5})
    with pytest.raises(DataError, match=r"1 of 12 ids of .*test\.csv are not in"):
        contest(tmp_path, train, test, sample, target="y")


def visits() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Patients who came twice, in the training table alone."""
    train, test = halves(rows())
    train = pd.concat([train.assign(visit=1), train[:9].assign(visit=2, a=train["a"] + 0.01)])
    return train, test, pd.DataFrame({"id": test["id"], "y": 0.5})


def test_ids_repeated_in_train_name_the_key_that_tells_them_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="9 values of id stand on more than one row") as refused:
        contest(tmp_path, *visits(), target="y")
    remedy = str(refused.value.remedy)
    assert "`train_id: [id, visit]`" in remedy and "`columns: {group: id}`" in remedy


@pytest.mark.parametrize("rule", [["id", "visit"], "row_number"])
def test_a_repeated_id_stays_a_column_and_a_group(tmp_path: Path, rule: Any) -> None:
    read = contest(tmp_path, *visits(), target="y", train_id=rule)
    assert told(read, "9 values of id stand on several rows") and "id" not in read.roles.continuous
    read = contest(tmp_path, *visits(), target="y", train_id=rule, columns={"group": "id"})
    groups = read.groups(read.train.index)
    assert groups is not None and groups.nunique() == 28 and len(groups) == 37
    assert not told(read, "stand on several rows")


@pytest.mark.parametrize("role", ["dates", "categorical", "ignore"])
def test_an_id_may_be_a_feature_too(tmp_path: Path, role: str) -> None:
    hours = pd.date_range("2011-01-01", periods=40, freq="h").strftime("%Y-%m-%d %H:%M:%S")
    train, test = halves(rows().assign(id=hours).rename(columns={"id": "datetime"}), "price")
    sample = pd.DataFrame({"datetime": test["datetime"], "count": 0})
    read = contest(tmp_path, train, test, sample, target="price", columns={role: "datetime"}, folds={"n": 3})
    assert ("datetime" in getattr(read.roles, role, [])) == (role != "ignore")
    assert read.test.index.tolist() == test["datetime"].tolist() == sent(read)["datetime"].tolist()
    if role == "dates":
        assert read.train["datetime"].iloc[5] == pd.Timestamp("2011-01-01 05:00")


def test_rows_of_the_sample_alone_are_the_test_set(tmp_path: Path) -> None:
    train, _ = halves(rows())
    read = contest(tmp_path, train[["id", "y"]], None, pd.DataFrame({"id": ["t9", "t1"], "y": 0}), target="y")
    assert read.test.index.tolist() == ["t9", "t1"] and sent(read)["id"].tolist() == ["t9", "t1"]


def test_an_id_in_parts_with_a_missing_part_is_told_by_its_row(tmp_path: Path) -> None:
    train, test, sample = sales()
    test.iloc[2, 1] = np.nan
    with pytest.raises(DataError, match=r"test.csv: 1 rows have no Store or Dept or Date \(row 3\)"):
        contest(tmp_path, train, test, sample, target="Sales", test_id=["Store", "Dept", "Date"])


def test_the_ids_that_a_name_in_the_contest_file_lacks_everywhere_are_refused(tmp_path: Path) -> None:
    train, test = halves(rows())
    with pytest.raises(DataError, match="there is no id column 'idd'; did you mean id"):
        contest(tmp_path, train, test, pd.DataFrame({"id": test["id"], "y": 0}), target="y", id="idd")


def ticket(half: pd.DataFrame, *, id: str | None = "id") -> pd.DataFrame:
    """These rows with tickets, and their ids under this name; None: without ids."""
    half = half.assign(Ticket=[f"A/{number // 2}" for number in half["id"]])
    return half.drop(columns="id") if id is None else half.rename(columns={"id": id})


@pytest.mark.parametrize(
    ("in_train", "in_test", "said"),
    [
        ("id", "id", "in .*test.csv the ids are id"),
        ("key", "key", "in .*test.csv the ids are key"),
        ("key", None, "none of its values in .*test.csv is an id of that file"),
        (None, "id", "in .*test.csv the ids are id"),
    ],
)
def test_an_id_in_the_contest_file_that_is_not_the_id_is_refused(
    tmp_path: Path, in_train: str | None, in_test: str | None, said: str
) -> None:
    train, test = halves(rows())
    tables = ticket(train, id=in_train), ticket(test, id=in_test), pd.DataFrame({"id": test["id"], "y": 0.5})
    with pytest.raises(ConfigError, match=f"id: 'Ticket' is not the id column: .*sample_submission.csv.*{said}") as no:
        contest(tmp_path, *tables, target="y", id="Ticket")
    assert no.value.remedy == "Name the id column of sample_submission.csv: `id: id`."
    read = contest(tmp_path, *tables, target="y", id="id")
    assert read.test.index.tolist() == list(range(29, 41)) and "Ticket" in read.roles.categorical


def test_an_id_in_the_contest_file_that_is_a_column_of_the_training_table_alone_is_refused(tmp_path: Path) -> None:
    train, test = halves(rows())
    sample = pd.DataFrame({"id": test["id"], "y": 0.5})
    with pytest.raises(ConfigError, match=r"in .*train\.csv the ids are id"):
        contest(tmp_path, ticket(train), test, sample, target="y", id="Ticket")
    without = contest(tmp_path, ticket(train).drop(columns="id"), test, sample, target="y", train_id="row_number")
    assert without.test.index.tolist() == list(range(29, 41))


@pytest.mark.parametrize("in_test", ["id", "pid"])
def test_an_id_in_the_contest_file_may_name_the_ids_of_one_table(tmp_path: Path, in_test: str) -> None:
    train, test = halves(rows())
    sample = pd.DataFrame({"id": test["id"], "y": 0.5})
    tables = train.rename(columns={"id": "tid"}), test.rename(columns={"id": in_test}), sample
    read = contest(tmp_path, *tables, target="y", id="tid")
    assert read.id_rules == {"train": "tid", "test": in_test} and read.roles.continuous == ["a", "b"]


def test_a_contest_of_equal_names_is_read_without_a_word(tmp_path: Path) -> None:
    train, test = halves(rows())
    read = contest(tmp_path, train, test, pd.DataFrame({"id": test["id"], "y": 0.5}), target="y")
    assert read.warnings == () and read.sample_format.is_plain
    assert read.id_rules == {"train": "id", "test": "id"}
    assert load_contest(tmp_path).sample.equals(read.sample)


def test_a_solution_may_call_the_id_as_the_tables_do(tmp_path: Path) -> None:
    train, test = halves(rows())
    solution = rows()[28:].rename(columns={"id": "customer"})[["customer", "y"]]
    solution.to_csv(tmp_path / "solution.csv", index=False)
    tables = (half.rename(columns={"id": "customer"}) for half in (train, test))
    sample = pd.DataFrame({"Id": test["id"], "y": 0.5})
    read = contest(tmp_path, *tables, sample, target="y", metric="log_loss", solution="solution.csv")
    assert score(read) > 0


def pairs(repeats: int = 4) -> pd.DataFrame:
    """A row per pair of two texts, which each stand on several rows."""
    table = rows()
    number = np.arange(len(table))
    first = [f"0{one}" for one in number // repeats]
    return table.assign(id1=first, id2=[f"q{one}" for one in number % repeats]).drop(columns="id")


@pytest.mark.parametrize("keys", [{}, {"test_id": ["id1", "id2"]}, {"id": "id1", "train_id": ["id1", "id2"]}])
def test_a_sample_may_have_its_id_in_two_columns(tmp_path: Path, keys: dict) -> None:
    train, test = halves(pairs())
    order = np.random.default_rng(3).permutation(len(test))
    sample = test[["id1", "id2"]].iloc[order].assign(y=0)
    solution = pairs()[28:][["id1", "id2", "y"]]
    solution.to_csv(tmp_path / "solution.csv", index=False)
    read = contest(tmp_path, train, test, sample, target="y", metric="auc", solution="solution.csv", **keys)
    assert read.test.index.tolist() == (test["id1"] + "_" + test["id2"]).tolist()
    assert len(read.train) == len(train) and read.train.index.is_unique
    file = sent(read)
    assert list(file.columns) == ["id1", "id2", "y"]
    assert file[["id1", "id2"]].to_numpy().tolist() == sample[["id1", "id2"]].to_numpy().tolist()
    assert told(read, "its ids are the columns 'id1' and 'id2', joined by '_'")
    truth = solution.set_index(["id1", "id2"])["y"]
    made = file.set_index(["id1", "id2"])["y"].astype(float)
    assert score(read) == pytest.approx(roc_auc_score(truth.loc[made.index], made))


def test_a_pair_that_stands_twice_in_the_sample_is_refused_as_ever(tmp_path: Path) -> None:
    train, test = halves(pairs())
    sample = pd.concat([test[["id1", "id2"]], test[["id1", "id2"]].tail(1)]).assign(y=0)
    with pytest.raises(DataError):
        contest(tmp_path, train, test, sample, target="y")
