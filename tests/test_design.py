"""A table as a matrix: what the training rows taught, whatever the other rows hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outfold.data.encoding.categories import Categories
from outfold.data.encoding.column_view import ByColumn
from outfold.data.encoding.design import SPARSE_FROM, Design, spreads
from outfold.data.encoding.one_hot import Levels, OneHot
from outfold.data.encoding.split_by_type import taken_apart
from outfold.data.encoding.standard import Standard
from outfold.data.encoding.target_means import TargetMeans


def categories(values: Iterable[str | None]) -> Categories:
    return Categories.of(pd.Series(list(values), dtype=object))


CITIES = categories(["Bonn", "Bonn", "Bonn", "Celle", "Celle", "Ulm", None])


def apart(rows: pd.DataFrame, **roles: list[str]) -> Any:
    return taken_apart(ByColumn.of(rows), None, **{"continuous": [], "categorical": [], "dates": [], **roles})


def test_numbers_have_mean_0_and_spread_1_and_a_column_where_they_were_missing() -> None:
    rows = pd.DataFrame({"age": [20.0, np.nan, 30.0, 70.0], "fare": [1.0, 2.0, 3.0, 6.0], "one": 7.0})
    standard = Standard.fit(rows)
    values = pd.DataFrame(standard.apply(rows), columns=standard.names)
    assert standard.names == ["age", "fare", "one", "age (missing)"]
    np.testing.assert_allclose(values[["age", "fare"]].mean(), 0, atol=1e-12)
    np.testing.assert_allclose(values[["age", "fare"]].std(ddof=0), 1)
    assert values["one"].tolist() == [0, 0, 0, 0], "a constant stands still"
    assert values["age (missing)"].tolist() == [0, 1, 0, 0]
    assert values["age"][1] == pytest.approx((30 - 37.5) / np.std([20, 30, 30, 70])), "the median stands for it"


def test_a_number_that_is_missing_only_later_is_the_training_median() -> None:
    standard = Standard.fit(pd.DataFrame({"age": [20.0, 30.0, 70.0]}))
    later, median = (standard.apply(pd.DataFrame({"age": [value]})) for value in (np.nan, 30.0))
    assert later.tolist() == median.tolist() and standard.names == ["age"]


def test_a_column_without_a_single_number_is_0() -> None:
    standard = Standard.fit(pd.DataFrame({"empty": [np.nan, np.nan]}))
    np.testing.assert_array_equal(standard.apply(pd.DataFrame({"empty": [np.nan, 3.0]})), [[0, 1], [3, 0]])


def test_rare_categories_share_a_column_and_a_new_one_goes_with_them() -> None:
    levels = Levels.fit(CITIES, least=2)
    assert levels.names("city") == ["city=Bonn", "city=Celle", "city=(rare)", "city=(missing)"]
    assert levels.places(categories(["Celle", "Ulm", "Aachen", None, "Bonn"])).tolist() == [1, 2, 2, 3, 0]


def test_what_training_had_nothing_like_is_in_no_column() -> None:
    levels = Levels.fit(CITIES.some(np.flatnonzero(~CITIES.missing)), least=1)
    assert levels.names("city") == ["city=Bonn", "city=Celle", "city=Ulm"]
    assert levels.places(categories(["Ulm", "Aachen", None])).tolist() == [2, -1, -1]


@given(
    st.lists(st.one_of(st.none(), st.sampled_from("abcdef")), min_size=1),
    st.lists(st.one_of(st.none(), st.sampled_from("abcdefgh"))),
    st.integers(1, 4),
)
def test_each_training_row_is_in_one_column_and_any_row_in_one_at_most(train: list, other: list, least: int) -> None:
    words = {"c": categories(train)}
    one_hot = OneHot.fit(words, least)
    seen = one_hot.apply(words, len(train)).toarray()
    assert seen.shape == (len(train), len(one_hot.names)) and (seen.sum(axis=1) == 1).all()
    assert (seen.sum(axis=0) > 0).all(), "no column without a row"
    further = one_hot.apply({"c": categories(other)}, len(other)).toarray()
    assert (further.sum(axis=1) <= 1).all()


def test_a_dates_month_is_a_category_and_its_year_a_number() -> None:
    rows = pd.DataFrame({"day": pd.to_datetime(["2020-02-29", "2021-03-01", None])})
    numbers, words = apart(rows, dates=["day"])
    assert numbers["day.year"].tolist()[:2] == [2020, 2021] and np.isnan(numbers["day.year"][2])
    assert list(words) == ["day.month", "day.day_of_week", "day.hour"]
    design, _ = Design.one_hot(numbers, words, 1)
    assert {"day.month=2", "day.month=3", "day.month=(missing)", "day.year"} <= set(design.names)


def test_target_means_are_smoothed_towards_the_mean_of_all() -> None:
    y = np.array([[1.0], [1.0], [0.0], [0.0], [0.0], [1.0], [0.0]])  # a missing city is one, too
    means = TargetMeans.fit({"city": CITIES}, y, ["sold"], smoothing=2.0)
    found = means.apply({"city": categories(["Bonn", "Ulm", "Aachen", None])})["city:mean"]
    prior = 3 / 7
    np.testing.assert_allclose(found, [(2 + 2 * prior) / 5, (1 + 2 * prior) / 3, prior, (0 + 2 * prior) / 3])


def test_a_rows_own_target_does_not_move_its_own_number() -> None:
    y = np.random.default_rng(0).normal(size=(18, 1))
    parts = [(np.flatnonzero(np.arange(18) % 3 != k), np.flatnonzero(np.arange(18) % 3 == k)) for k in range(3)]
    words = {"city": categories(np.random.default_rng(0).permutation(["a", "b", "c"] * 6))}
    _, before = TargetMeans.crossed(words, y, ["t"], 1.0, parts)
    for row in range(18):
        other = y.copy()
        other[row] += 100
        whole, after = TargetMeans.crossed(words, other, ["t"], 1.0, parts)
        assert after.iloc[row].item() == before.iloc[row].item()
        assert not np.allclose(after, before) and not np.allclose(whole.apply(words), before)


def test_rows_that_no_part_gives_a_number_have_the_mean_of_all() -> None:
    y, words = np.arange(4.0)[:, None], {"c": categories("xyxy")}
    _, found = TargetMeans.crossed(words, y, ["t"], 0.0, [(np.array([0, 1]), np.array([2, 3]))])
    assert found["c:mean"].tolist() == [1.5, 1.5, 0.0, 1.0]


@pytest.mark.parametrize("kind", ["one_hot", "target"])
def test_a_design_survives_json(kind: str) -> None:
    rows = pd.DataFrame({"a": [1.0, np.nan, 4.0], "b": ["x", None, "y"], "when": ["2020-01-01", "2020-05-06", None]})
    numbers, words = apart(rows, continuous=["a"], categorical=["b"], dates=["when"])
    if kind == "one_hot":
        design, matrix = Design.one_hot(numbers, words, 1)
        np.testing.assert_array_equal(design.apply(numbers, words), matrix)
    else:
        parts = [(np.array([0, 1]), np.array([2])), (np.array([2]), np.array([0, 1]))]
        design, matrix = Design.target_means(numbers, words, np.eye(3), ["p", "q", "r"], 1.0, parts)
    assert matrix.shape == (3, len(design.names))
    again = Design.from_json(design.to_json())
    assert again.names == design.names
    np.testing.assert_array_equal(again.apply(numbers, words), design.apply(numbers, words))


def test_many_categories_make_a_sparse_matrix_of_the_same_numbers() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"a": rng.normal(size=600), "b": rng.integers(0, 2 * SPARSE_FROM, 600)})
    numbers, words = apart(rows, continuous=["a"], categorical=["b"])
    design, matrix = Design.one_hot(numbers, words, 1)
    assert not isinstance(matrix, np.ndarray)
    dense = np.hstack([design.standard.apply(numbers), design.encoding.apply(words, 600).toarray()])  # type: ignore[call-arg, union-attr]
    np.testing.assert_array_equal(matrix.toarray(), dense)
    np.testing.assert_allclose(spreads(matrix), dense.std(axis=0), atol=1e-12)
