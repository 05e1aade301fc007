"""What a target asks is told from its values, and a word to the contrary is held against them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outfold.data.targets.targets import Target, raw_targets, read_target
from outfold.errors import ConfigError, DataError

PATH = Path("inputs/train.csv")


def target(*columns: Any, **said: Any) -> Target:
    """The target of columns called a, b, ..., with ids 100, 101, ..."""
    index = pd.RangeIndex(100, 100 + len(columns[0]), name="id")
    raw = pd.DataFrame({name: list(values) for name, values in zip("abcdef", columns, strict=False)}, index=index)
    return read_target(raw, PATH, **said)


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["0", "1", "1", "0"], "binary", [0, 1]),
        (["no", "yes", "no"], "binary", ["no", "yes"]),
        (["Yes", "no", "no"], "binary", ["no", "Yes"]),
        ([True, False, True], "binary", [False, True]),
        (["1.0", "0.0", "1.0"], "binary", [0, 1]),
        ([2.0, 1.0, 2.0], "binary", [1, 2]),
        (["cat", "dog", "bird"], "multiclass", ["bird", "cat", "dog"]),
        (["10", "9", "2"] * 2, "multiclass", [2, 9, 10]),
        (["01", "02", "03"] * 2, "multiclass", ["01", "02", "03"]),
        (["NA", "EU", "AS"], "multiclass", ["AS", "EU", "NA"]),
        (["0.5", "1.5", "1.5"], "regression", None),
        ([str(n) for n in range(40)], "regression", None),
        (["red car", "blue car", "red bus"], "multiclass", ["blue car", "red bus", "red car"]),
        (["haze", "haze water", "water", "clear water"], "multilabel", ["clear", "haze", "water"]),
    ],
)
def test_the_task_and_the_classes_are_told_from_the_values(values: list[Any], task: str, classes: Any) -> None:
    found = target(values)
    assert (found.task, found.classes) == (task, classes)


def test_binary_has_one_output_and_codes_of_its_positive_class() -> None:
    found = target(["yes", "no", "yes"])
    assert found.outputs == ["a"]
    assert found.y.dtype == np.int64 and found.y.tolist() == [1, 0, 1]


@pytest.mark.parametrize("positive", [0, "0", False, 0.0])
def test_the_positive_class_may_be_said_as_yaml_reads_it(positive: Any) -> None:
    assert target(["0", "1"], task="binary", positive=positive).classes == [1, 0]


def test_a_positive_class_that_is_none_of_the_two_names_them() -> None:
    with pytest.raises(ConfigError, match=r"positive: 'maybe' .* no, yes"):
        target(["no", "yes"], positive="maybe")


def test_a_positive_class_is_only_for_two_classes() -> None:
    with pytest.raises(ConfigError, match="positive: 'cat' has no meaning for a multiclass task"):
        target(["cat", "dog", "bird"], positive="cat")


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=40).filter(lambda values: len(set(values)) > 1))
def test_classes_that_are_numbers_are_sorted_as_numbers_and_coded_without_loss(values: list[int]) -> None:
    found = target([str(value) for value in values], task="multiclass")
    assert found.classes == sorted(set(values))
    assert [found.classes[code] for code in found.y] == values
    assert found.outputs == [str(value) for value in found.classes]


@given(st.lists(st.sets(st.sampled_from(["cloud", "sea", "sand", "wood"])), min_size=1).filter(any))
def test_tags_are_coded_without_loss_whatever_their_order(rows: list[set[str]]) -> None:
    found = target([",  ".join(sorted(row, reverse=True)) or None for row in rows], task="multilabel", separator=",")
    assert found.classes == sorted(set.union(*rows)) == found.outputs
    assert found.y.dtype == np.int8
    assert [{found.classes[k] for k in np.flatnonzero(row)} for row in found.y] == rows


def test_several_columns_of_zeros_and_ones_are_labels() -> None:
    found = target(["0", "1"], [True, False], [1.0, 0.0])
    assert (found.task, found.outputs) == ("multilabel", ["a", "b", "c"])
    assert found.y.tolist() == [[0, 1, 1], [1, 0, 0]]


def test_several_columns_of_numbers_are_values() -> None:
    found = target(["0.5", "1"], ["7", "8"])
    assert (found.task, found.classes, found.outputs) == ("regression", None, ["a", "b"])
    assert found.y.tolist() == [[0.5, 7], [1, 8]]


def test_one_column_of_values_is_a_vector_of_floats() -> None:
    found = target(["1.5", "-2", "1e3"])
    assert found.y.shape == (3,) and found.y.tolist() == [1.5, -2, 1000]


def test_the_metric_decides_between_tasks_that_the_values_allow() -> None:
    assert target(["1", "2"], allowed=("regression",)).task == "regression"
    assert target([str(n) for n in range(40)], allowed=("binary", "multiclass")).task == "multiclass"


def test_a_guess_that_might_be_wrong_is_told_and_a_sure_one_is_not() -> None:
    whole = [str(n) for n in range(40)]
    assert "say `task: multiclass`" in target(whole).notes[0]
    assert target(whole, allowed=("regression",)).notes == ()
    assert target(whole, task="regression").notes == ()
    assert target([str(n) for n in range(2000)]).notes == ()


def test_raw_targets_are_numbers_only_where_every_value_is_one() -> None:
    raw = raw_targets(pd.DataFrame({"n": ["1", "2"], "area": ["NA", "EU"]}))
    assert raw["n"].tolist() == [1, 2] and raw["area"].tolist() == ["NA", "EU"]


@pytest.mark.parametrize("gap", [None, "NA", "nan"])
def test_a_number_that_is_missing_names_its_row(gap: Any) -> None:
    with pytest.raises(DataError, match=r"train\.csv: the target a has no value in 1 of 4 rows: 102"):
        target(["1", "2", gap, "3"])


@pytest.mark.parametrize(
    ("values", "task", "told"),
    [
        (["1", "2", "3"], "binary", "holds 3 values: 1, 2, 3"),
        (["1", "x", "3"], "regression", "is 'x' in row 101"),
        (["1", "inf", "3"], "regression", "is 'inf' in row 101"),
        (["0.5", "1.5", "2"], "multiclass", "fractions such as 0.5"),
        (["a", "a", "a"], "multiclass", "is 'a' in every row"),
        ([None, None, " "], "multilabel", "holds no tags"),
    ],
)
def test_a_task_that_the_values_contradict_is_refused(values: list[Any], task: Any, told: str) -> None:
    with pytest.raises(DataError) as caught:
        target(values, task=task)
    assert "train.csv" in caught.value.message and told in caught.value.message


def test_labels_other_than_zero_and_one_are_refused_by_column_and_row() -> None:
    with pytest.raises(DataError, match="the target b is '2' in row 101"):
        target(["0", "1"], ["1", "2"], task="multilabel")


def test_several_columns_are_no_classes() -> None:
    with pytest.raises(DataError, match="multiclass needs one target column, and target names 2"):
        target(["0", "1"], ["1", "0"], task="multiclass")


@pytest.mark.parametrize(
    ("cell", "task", "remedy"),
    [("yes", "regression", "multitask"), ("yes", "multilabel", "multitask"), ("inf", "regression", "train_where")],
)
def test_the_remedy_for_cells_of_several_targets_does_not_lead_to_the_next_refusal(
    cell: str, task: Any, remedy: str
) -> None:
    with pytest.raises(DataError) as caught:
        target([cell, "1"], ["1", "0"], task=task)
    assert remedy in caught.value.remedy
