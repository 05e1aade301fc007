"""What each kind of feature makes of a table small enough to read."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.preprocessing import QuantileTransformer

from outfold.config.features import Feature
from outfold.data.features.base import Fitted, Plain, Role, Setting
from outfold.data.features.registry import KINDS
from outfold.errors import ConfigError

NAN = math.nan


def table(**columns: list[Any]) -> pd.DataFrame:
    index = pd.Index([f"r{place}" for place in range(len(next(iter(columns.values()))))], name="id")
    return pd.DataFrame(columns, index=index)


def role(column: pd.Series) -> Role:
    if pd.api.types.is_datetime64_any_dtype(column):
        return "date"
    return "number" if pd.api.types.is_numeric_dtype(column) else "category"


def made(entry: dict[str, Any], rows: pd.DataFrame, later: pd.DataFrame | None = None) -> dict[str, list[Any]]:
    """The columns that an entry makes of rows, learnt from them, or of later ones; None where a value is missing."""
    asked = Feature.model_validate(entry)
    roles = {name: role(rows[name]) for name in rows}
    setting = Setting("features", roles, ["y"], (), lambda: [name for name in rows if rows[name].hasnans], list(rows))
    found: dict[str, list[Any]] = {}
    for step in KINDS[asked.kind](asked.keys, setting):
        some = rows[list(step.sources)]
        shown = some if later is None else later[list(step.sources)]
        assert isinstance(step, Plain | Fitted)
        frame = step.make(shown) if isinstance(step, Plain) else step.apply(shown, step.fit(some, None))
        assert list(frame) == step.names and frame.index.equals(shown.index)
        found |= {name: [None if pd.isna(value) else value for value in frame[name]] for name in frame}
    return found


def test_parts_of_dates_are_those_that_are_asked_for() -> None:
    rows = table(day=pd.to_datetime(["2024-02-29 13:05:07", None, "2023-12-31 00:00:00"]))
    parts = ["year", "quarter", "weekend", "days_in_month", "minute", "second", "seconds"]
    found = made({"date_parts": {"columns": "day", "parts": parts, "categorical": ["quarter"]}}, rows)
    assert found["day.quarter"] == ["1", None, "4"]
    assert [found[f"day.{part}"][0] for part in parts] == [2024, "1", 0, 29, 5, 7, 1709211907]
    assert found["day.weekend"] == [0, None, 1]


def test_what_comes_round_is_near_itself() -> None:
    found = made({"cyclical": {"columns": "hour", "period": 24}}, table(hour=[0.0, 6, 12, 23.999, None]))
    assert found["hour.sin"][:3] == pytest.approx([0, 1, 0], abs=1e-12) and found["hour.sin"][4] is None
    assert found["hour.cos"][3] == pytest.approx(found["hour.cos"][0], abs=1e-6)
    dates = table(day=pd.to_datetime(["2024-12-31", "2025-01-01", "2025-07-01"]))
    year = made({"cyclical": {"columns": "day", "parts": ["month"]}}, dates)["day.month.cos"]
    assert abs(year[0] - year[1]) < 0.2 < 1 < abs(year[1] - year[2])


def test_what_is_missing_is_told_by_column_and_by_row() -> None:
    rows = table(age=[1.0, NAN, NAN], town=["a", None, "b"], fare=[1.0, 2.0, 3.0])
    assert made({"missing": "all"}, rows) == {"age.missing": [0, 1, 1], "town.missing": [0, 1, 0]}
    assert made({"missing": ["fare"]}, rows, table(fare=[NAN])) == {"fare.missing": [1]}, (
        "missing in the test set alone"
    )
    assert made({"missing_count": "all"}, rows) == {"missing_count": [0, 2, 1]}
    assert made({"missing_count": {"columns": ["age", "fare"], "name": "n"}}, rows) == {"n": [0, 1, 1]}


def test_a_text_has_lengths() -> None:
    rows = table(note=["Élan VITAL 42!", "", None, "日本 語"])
    measures = ["characters", "words", "upper_case", "digits", "punctuation"]
    found = made({"text_length": {"columns": "note", "measures": measures}}, rows)
    assert found["note.characters"] == [14, 0, None, 4]
    assert found["note.words"] == [3, 0, None, 2]
    assert found["note.upper_case"] == [6 / 9, 0, None, 0]
    assert found["note.digits"] == [2, 0, None, 0] and found["note.punctuation"] == [1, 0, None, 0]


def test_an_expression_finds_a_category_or_a_number() -> None:
    rows = table(name=["Braund, Mr. Owen", "Heikkinen, Miss. Laina", "none", None], cabin=["C85", "G 6", "D", None])
    assert made({"extract": {"column": "name", "pattern": r" ([A-Za-z]+)\.", "name": "title"}}, rows) == {
        "title": ["Mr", "Miss", None, None]
    }
    number = {"extract": {"column": "cabin", "pattern": r"(\d+)", "type": "number"}}
    assert made(number, rows) == {"cabin.extract": [85, 6, None, None]}


def test_a_number_on_another_scale() -> None:
    rows = table(x=[-3.0, 0.0, 4.0, NAN])
    assert made({"transform": "x"}, rows)["x.log"] == [pytest.approx(-math.log(4)), 0, pytest.approx(math.log(5)), None]
    assert made({"transform": {"columns": "x", "how": "sqrt"}}, rows)["x.sqrt"] == [None, 0, 2, None]
    assert made({"transform": {"columns": "x", "how": "square"}}, rows)["x.square"] == [9, 0, 16, None]


def test_columns_together_are_a_category_or_a_number() -> None:
    rows = table(sex=["m", None, "f", None], deck=["A", "B", None, None], a=[6.0, 1, NAN, 0], b=[3.0, 0, 1, 0])
    assert made({"interaction": ["sex", "deck"]}, rows) == {
        "sex+deck": ["m & A", "(missing) & B", "f & (missing)", None]
    }
    expected = {
        ("product", "a.times_b"): [18, 0, None, 0],
        ("ratio", "a.over_b"): [2, None, None, None],
        ("difference", "a.minus_b"): [3, 1, None, 0],
        ("sum", "a.plus_b"): [9, 1, None, 0],
    }
    for (how, name), values in expected.items():
        assert made({"interaction": {"columns": ["a", "b"], "how": how}}, rows) == {name: values}
    with pytest.raises(ConfigError, match="ratio is of two columns, and here are 3"):
        made({"interaction": {"columns": ["a", "b", "a"], "how": "ratio"}}, rows)


def test_counts_and_shares_are_of_the_training_rows() -> None:
    rows = table(town=["a", "a", None, "b"], shop=[1.0, 1, 1, 2])
    later = table(town=["b", None, "c", "a"], shop=[2, 1, 1, 9])
    assert made({"count": ["town", ["town", "shop"]]}, rows, later) == {
        "town.count": [1, 1, 0, 2],
        "town+shop.count": [1, 1, 0, 0],
    }
    assert made({"frequency": "town"}, rows, later) == {"town.frequency": [0.25, 0.25, 0, 0.5]}


def test_rare_levels_are_one_and_new_ones_are_rare() -> None:
    rows = table(town=["a", "a", "b", None, "c"])
    found = made({"rare": {"columns": "town", "min_count": 2}}, rows, table(town=["a", "c", "new", None]))
    assert found == {"town.grouped": ["a", "(rare)", "(rare)", None]}


def test_a_row_beside_its_group() -> None:
    rows = table(fare=[1.0, 3.0, 10.0, NAN], town=["a", "a", None, "b"])
    later = table(fare=[4.0, 5.0, 6.0, NAN], town=["a", None, "new", "b"])
    entry = {"columns": "fare", "by": "town", "statistics": ["mean", "max"], "relative": ["difference", "ratio"]}
    found = made({"aggregate": entry}, rows, later)
    assert found["fare.mean_by_town"] == [2, 10, pytest.approx(14 / 3), None]
    assert found["fare.max_by_town"] == [3, 10, 10, None]
    assert found["fare.minus_mean_by_town"] == [2, -5, pytest.approx(6 - 14 / 3), None]
    assert found["fare.over_max_by_town"] == [pytest.approx(4 / 3), 0.5, 0.6, None]
    only = made({"aggregate": {**entry, "only_relative": True}}, rows, later)
    assert list(only) == [name for name in found if "minus" in name or "over" in name]


def test_the_number_of_values_of_a_group() -> None:
    rows = table(word=["x", "y", "x", None], town=["a", "a", "b", "b"])
    entry = {"columns": "word", "by": "town", "statistics": ["nunique"]}
    assert made({"aggregate": entry}, rows)["word.nunique_by_town"] == [2, 2, 1, 1]


def test_bins_hold_about_as_many_rows_each() -> None:
    values = [*np.random.default_rng(0).lognormal(size=100), NAN]
    (found,) = made({"bins": {"columns": "x", "n": 4}}, table(x=values)).values()
    assert found[-1] is None and [found.count(name) for name in "0123"] == [25, 25, 25, 25]
    later = made({"bins": {"columns": "x", "n": 4}}, table(x=values), table(x=[-1e9, 1e9, NAN]))["x.bin"]
    assert later == ["0", "3", None]
    assert set(made({"bins": {"columns": "x", "n": 4}}, table(x=[1.0, 1, 1, 5]))["x.bin"]) == {"0", "1"}


def test_a_rank_is_scikit_learns() -> None:
    values = np.round(np.random.default_rng(0).lognormal(size=400), 1)
    later = table(x=[*np.linspace(-1, 20, 50), NAN])
    found = made({"rank": "x"}, table(x=list(values)), later)["x.rank"]
    peer = QuantileTransformer(n_quantiles=400).fit(values[:, None])
    expected = peer.transform(later[["x"]].to_numpy()[:-1])[:, 0]
    np.testing.assert_allclose(np.array(found[:-1], dtype=float), expected, atol=1 / 400)
    normal = made({"rank": {"columns": "x", "to": "normal"}}, table(x=list(values)), later)["x.rank"]
    inside = [(flat, bell) for flat, bell in zip(found, normal, strict=True) if flat not in (None, 0, 1)]
    assert all(bell == pytest.approx(norm.ppf(flat)) for flat, bell in inside) and len(inside) > 5
    assert found[-1] is None and np.isfinite(np.array(normal[:-1], dtype=float)).all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.lists(st.floats(-1e7, 1e7), min_size=2, max_size=30))
def test_ranks_and_bins_keep_the_order_of_values(train: list[float], later: list[float]) -> None:
    later = sorted(later)
    rank = made({"rank": "x"}, table(x=train), table(x=later))["x.rank"]
    bins = [int(name) for name in made({"bins": {"columns": "x", "n": 5}}, table(x=train), table(x=later))["x.bin"]]
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(rank)) and bins == sorted(bins)
    assert all(0 <= one <= 1 for one in rank)
