"""Every key of every kind of feature changes the columns that it makes; one that is not listed here fails."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from config_keys import models
from features_contest import HOOKS, IN_TIME, contest, table, view

from outfold.config.features import Feature
from outfold.contest import Contest

EVENTS = {"columns": "promo", **IN_TIME}
FARES = {"columns": "fare", "windows": ["30D"], **IN_TIME}
LAG = {"columns": "fare", "lags": ["9D"], "date": "day"}
PAST = {"windows": ["60D"], "date": "day"}
BY = {"columns": "fare", "by": "town"}
NAME = {"name": "other"}
KINDS: dict[str, list[tuple[Any, Any]]] = {
    "date_parts": [
        ({"columns": "day"}, {"columns": "day", "parts": ["month"]}),
        ({"columns": "day", "parts": ["month"]}, {"columns": "day", "parts": ["month"], "categorical": ["month"]}),
    ],
    "cyclical": [
        ({"columns": "day", "parts": ["month"]}, {"columns": "day", "parts": ["quarter"]}),
        ({"columns": "age", "period": 24}, {"columns": "age", "period": 12}),
    ],
    "missing": [({"columns": "age"}, {"columns": "town"})],
    "missing_count": [({"columns": "age"}, {"columns": "town"}), ({"columns": "age"}, {"columns": "age", **NAME})],
    "text_length": [({"columns": "name"}, {"columns": "name", "measures": ["words"]})],
    "extract": [
        ({"column": "name", "pattern": r"(\w+)\."}, {"column": "name", "pattern": r"(\d+)"}),
        ({"column": "name", "pattern": r"(\d+)"}, {"column": "name", "pattern": r"(\d+)", "type": "number"}),
        ({"column": "name", "pattern": r"(\d+)"}, {"column": "name", "pattern": r"(\d+)", **NAME}),
    ],
    "transform": [({"columns": "fare"}, {"columns": "fare", "how": "sqrt"})],
    "interaction": [
        ({"columns": ["fare", "age"]}, {"columns": ["fare", "age"], "how": "product"}),
        ({"columns": ["town", "shop"]}, {"columns": ["town", "shop"], **NAME}),
    ],
    "count": [({"columns": "town"}, {"columns": "town", **NAME})],
    "frequency": [({"columns": "town"}, {"columns": "town", **NAME})],
    "rare": [
        ({"columns": "town"}, {"columns": "town", "min_count": 30}),
        ({"columns": "town"}, {"columns": "town", **NAME}),
    ],
    "aggregate": [
        (BY, {**BY, "by": "shop"}),
        (BY, {**BY, "statistics": ["max"]}),
        (BY, {**BY, "relative": ["ratio"]}),
        ({**BY, "relative": ["ratio"]}, {**BY, "relative": ["ratio"], "only_relative": True}),
    ],
    "bins": [({"columns": "fare"}, {"columns": "fare", "n": 3})],
    "rank": [({"columns": "fare"}, {"columns": "fare", "to": "normal"})],
    "target_encoding": [
        ({"columns": "town"}, {"columns": "town", "smoothing": 90}),
        ({"columns": "town"}, {"columns": "town", **NAME}),
    ],
    "elapsed": [
        (EVENTS, {**EVENTS, "by": "town"}),
        ({"columns": "promo", "date": "day"}, {"columns": "promo", "date": "age"}),
        (EVENTS, {**EVENTS, **NAME}),
        (EVENTS, {**EVENTS, "events": [0]}),
        (EVENTS, {**EVENTS, "change": True}),
        (EVENTS, {**EVENTS, "direction": "until"}),
        (EVENTS, {**EVENTS, "unit": "12h"}),
    ],
    "rolling": [
        (FARES, {**FARES, "by": "town"}),
        ({**FARES, "windows": ["all"]}, {**FARES, "windows": ["all"], "date": "age"}),
        (FARES, {**FARES, **NAME}),
        (FARES, {**FARES, "windows": ["60D"]}),
        (FARES, {**FARES, "statistics": "max"}),
        (FARES, {**FARES, "direction": "after"}),
        (FARES, {**FARES, "now": False}),
        ({**FARES, "columns": "promo"}, {**FARES, "columns": "promo", "events": [0]}),
    ],
    "lags": [
        (LAG, {**LAG, "by": "shop"}),
        ({**LAG, "lags": [9.0], "date": "age"}, {**LAG, "lags": [9.0], "date": "shop"}),
        (LAG, {**LAG, **NAME}),
        (LAG, {**LAG, "lags": ["3D"]}),
        ({**LAG, "columns": "promo"}, {**LAG, "columns": "promo", "events": [0]}),
    ],
    "history": [
        (PAST, {**PAST, "by": "town"}),
        ({"windows": ["all"], "date": "day"}, {"windows": ["all"], "date": "age"}),
        (PAST, {**PAST, **NAME}),
        (PAST, {**PAST, "windows": ["10D"]}),
        (PAST, {**PAST, "statistics": "sum"}),
        (PAST, {**PAST, "lags": ["9D"]}),
        (PAST, {**PAST, "horizon": "10D"}),
    ],
    "function": [("hooks.py:town_mean", "hooks.py:shop_mean")],
}
"""Two entries of a kind; the second has another value of one key."""
OTHERS: dict[str, Any] = {
    "date_parts": "sent",
    "cyclical": "sent",
    "missing": "town",
    "missing_count": "town",
    "text_length": "town",
    "extract": "town",
    "transform": "age",
    "interaction": ["town", "name"],
    "count": "shop",
    "frequency": "shop",
    "rare": "name",
    "aggregate": "age",
    "bins": "age",
    "rank": "age",
    "target_encoding": "shop",
    "elapsed": "shop",
    "rolling": "age",
    "lags": "age",
}
"""Other columns for the first entry of a kind."""
for kind, other in OTHERS.items():
    first = KINDS[kind][0][0]
    KINDS[kind].append((first, {**first, "column" if kind == "extract" else "columns": other}))


def shown(kind: str) -> set[str]:
    """The keys of a kind whose values differ between two entries."""
    pairs = [pair for pair in KINDS[kind] if isinstance(pair[0], dict)]
    return {key for one, other in pairs for key in {**one, **other} if one.get(key) != other.get(key)}


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    frame = table().assign(sent=lambda rows: rows["day"] + pd.Timedelta(days=40))
    made = contest(tmp_path_factory.mktemp("shops"), frame, columns={"dates": ["day", "sent"]})
    made.layout.hooks.write_text(HOOKS + HOOKS.replace("town", "shop"))
    return made


def columns(contest: Contest, kind: str, keys: Any) -> tuple[pd.DataFrame, Any]:
    """The rows that a learner sees, and the columns by what they are."""
    ids = contest.train.index[:60]
    made = view(contest, {kind: keys})
    fitted, _ = made.fit(ids)
    rows = made.rows("test", contest.test.index, fitted)
    return pd.DataFrame({str(name): rows[name] for name in rows}), fitted.columns


@pytest.mark.parametrize(
    ("kind", "pair"),
    [(kind, pair) for kind, pairs in KINDS.items() for pair in pairs],
    ids=lambda value: str(value)[:60],
)
def test_every_key_of_a_feature_changes_its_columns(shops: Contest, kind: str, pair: tuple[Any, Any]) -> None:
    (one, first), (other, second) = (columns(shops, kind, keys) for keys in pair)
    assert first != second or not one.equals(other)


def test_every_kind_of_feature_is_listed() -> None:
    assert {*KINDS, "embeddings"} == set(Feature.model_fields)  # embeddings: tests/test_every_key.py
    for kind in KINDS.keys() - {"function"}:
        model = next(part for part in models(Feature.model_fields[kind].annotation) if part is not Feature)
        assert shown(kind) == set(model.model_fields), kind
