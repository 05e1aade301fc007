"""Columns as numbers: what the training rows taught, whatever the other rows hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outfold.data.encoding.categories import category_codes
from outfold.data.encoding.column_view import ByColumn
from outfold.data.encoding.date_parts import DATE_PARTS, date_parts
from outfold.data.encoding.table_features import Encoding, plain_names


def fitted(rows: pd.DataFrame, **roles: list[str]) -> Encoding:
    return Encoding.fit(ByColumn.of(rows), **{"continuous": [], "categorical": [], "dates": [], **roles})


def test_a_category_keeps_its_code_when_others_are_missing_from_the_rows_or_new_in_them() -> None:
    encoding = fitted(pd.DataFrame({"city": ["Bonn", "Aachen", "Celle"]}), categorical=["city"])
    codes = encoding.apply(ByColumn.of(pd.DataFrame({"city": ["Celle", "Ahlen", None, "Bonn"]})))["city"]
    np.testing.assert_array_equal(codes, [2, np.nan, np.nan, 1])


@pytest.mark.parametrize(
    ("train", "same", "read_as"),
    [
        ([1, 2, 3], [1, 3], [1.0, 3.0, np.nan]),  # a missing cell makes fractions of whole numbers
        ([1, 2, 3], [1, 3], ["01", "3", "a word"]),  # a word leaves all cells text
        ([True, False], [True, False], ["true", "FALSE", None]),
        (["true", "FALSE", None], ["FALSE", "true"], [False, True]),
    ],
)
def test_a_category_is_the_same_whatever_type_its_column_was_read_as(train: list, same: list, read_as: list) -> None:
    encoding = fitted(pd.DataFrame({"code": train}), categorical=["code"])
    expected = encoding.apply(ByColumn.of(pd.DataFrame({"code": same})))["code"]
    codes = encoding.apply(ByColumn.of(pd.DataFrame({"code": read_as})))["code"]
    assert codes[:2].tolist() == expected.tolist()
    assert expected.nunique() == 2


@given(st.lists(st.text(max_size=4), min_size=1), st.lists(st.one_of(st.none(), st.text(max_size=4))))
def test_known_categories_decode_to_themselves(train: list[str], other: list[str | None]) -> None:
    encoding = fitted(pd.DataFrame({"c": pd.Series(train, dtype=object)}), categorical=["c"])
    known = encoding.categories["c"]
    codes = category_codes(pd.Series([*train, *other], dtype=object), known)
    assert [known[int(code)] for code in codes[: len(train)]] == train
    assert all(np.isnan(code) for value, code in zip(other, codes[len(train) :], strict=True) if value is None)


def test_a_value_missing_only_later_becomes_the_training_median() -> None:
    encoding = fitted(pd.DataFrame({"age": [20.0, 30.0, 70.0]}), continuous=["age"])
    assert encoding.apply(ByColumn.of(pd.DataFrame({"age": [np.nan, 5.0]})))["age"].tolist() == [30.0, 5.0]


def test_a_column_with_missing_values_in_training_keeps_them_missing() -> None:
    encoding = fitted(pd.DataFrame({"age": [20.0, np.nan, 70.0]}), continuous=["age"])
    assert np.isnan(encoding.apply(ByColumn.of(pd.DataFrame({"age": [np.nan]})))["age"].iloc[0])


def test_an_encoding_survives_json() -> None:
    rows = pd.DataFrame({"a": [1, 2], "b": ["x", None], "when": pd.to_datetime(["2020-02-29", None])})
    encoding = fitted(rows, continuous=["a"], categorical=["b"], dates=["when"])
    again = Encoding.from_json(encoding.to_json())
    assert again == encoding
    pd.testing.assert_frame_equal(again.apply(ByColumn.of(rows)), encoding.apply(ByColumn.of(rows)))


def test_a_date_becomes_seconds_since_1970_and_calendar_parts() -> None:
    parts = date_parts(pd.Series(["2020-02-29 13:30:00"])).iloc[0]
    assert parts["seconds"] == 1_582_983_000
    assert parts[["year", "month", "week", "day", "day_of_week", "day_of_year", "hour"]].tolist() == [
        *(2020, 2, 9, 29, 5, 60, 13)
    ]
    assert parts[["month_start", "month_end", "year_end"]].tolist() == [0, 1, 0]


def test_a_missing_date_is_missing_in_every_part() -> None:
    parts = date_parts(pd.Series(pd.to_datetime([None, "2020-01-01"])))
    assert list(parts.columns) == list(DATE_PARTS)
    assert parts.iloc[0].isna().all()
    assert parts.iloc[1].notna().all()


@given(st.lists(st.text(min_size=1)))
def test_plain_names_are_plain_and_differ(names: list[str]) -> None:
    plain = plain_names(names)
    assert len({name.casefold() for name in plain}) == len(names)
    assert not any(set(name) & set(' ,:"[]{}\n/') for name in plain)
