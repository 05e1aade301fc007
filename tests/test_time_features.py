"""Features in time: each against a loop that a reader can check, and none looks where it must not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from outfold.config.time_features import Elapsed, History, Lags, Rolling
from outfold.data.features import elapsed, history, lags, rolling
from outfold.data.features.base import Plain, Setting, Targets
from outfold.data.features.range_statistics import STATISTICS
from outfold.errors import ConfigError

DAY = pd.Timedelta("1D")
SETTING = Setting(
    where="pipelines/trees.yaml: features",
    roles={
        "shop": "number",
        "town": "category",
        "day": "date",
        "promo": "number",
        "kind": "category",
        "week": "number",
    },
    outputs=["sales"],
    lacking=(),
    gaps=tuple,
)
BY_SHOP = {"by": "shop", "date": "day"}


def plain(asked: Elapsed | Rolling | Lags) -> Plain:
    (step,) = {Elapsed: elapsed, Rolling: rolling, Lags: lags}[type(asked)].build(asked, SETTING)  # type: ignore[operator, arg-type]
    return step


def table(days: list[str | int | None], **columns: list[Any]) -> pd.DataFrame:
    """Rows by id, of days of January 2015 (or ISO dates)."""
    dates = [f"2015-01-{day:02d}" if isinstance(day, int) else day for day in days]
    shops = columns.pop("shop", [1] * len(days))
    index = pd.Index([f"r{number}" for number in range(len(days))], name="id")
    return pd.DataFrame({"shop": shops, "day": pd.to_datetime(dates), **columns}, index=index)


def made(asked: Any, rows: pd.DataFrame) -> list[float | None]:
    """The only column, with None where it is missing."""
    frame = plain(asked).make(rows)
    assert list(frame.columns) == plain(asked).names and frame.index.equals(rows.index)
    assert (frame.dtypes == np.float32).all()
    (name,) = frame
    return [None if np.isnan(value) else float(value) for value in frame[name]]


@st.composite
def shops(draw: st.DrawFn) -> pd.DataFrame:
    """Few shops and days, so that days repeat and gaps open; some shops, days and values are missing."""
    row = st.tuples(
        st.sampled_from([1, 2, None]),
        st.one_of(st.none(), st.integers(1, 25)),
        st.one_of(st.none(), st.integers(-3, 3).map(lambda number: number / 7)),
        st.sampled_from(["a", "b", "0", None]),
    )
    found = draw(st.lists(row, min_size=1, max_size=25))
    shop, day, promo, kind = (list(column) for column in zip(*found, strict=True))
    return table(day, shop=pd.array(shop, dtype="Int64"), promo=np.array(promo, dtype=float), kind=kind)


def brute_window(rows: pd.DataFrame, place: int, asked: Rolling) -> pd.Series | None:
    """The values in a row's window, by going through all rows; None for a row of no group or time."""
    shop, day = rows["shop"].iloc[place], rows["day"].iloc[place]
    if pd.isna(shop) or pd.isna(day):
        return None
    far = next(pd.Timedelta.max if window == "all" else pd.Timedelta(window) for window in asked.windows)
    gap = rows["day"] - day if asked.direction == "after" else day - rows["day"]
    within = (gap >= pd.Timedelta(0)) & (gap < far) if asked.now else (gap > pd.Timedelta(0)) & (gap <= far)
    return rows.loc[within.fillna(False) & (rows["shop"] == shop).fillna(False), "promo"].dropna()


@settings(max_examples=60)
@given(
    shops(),
    st.sampled_from(["1D", "7D", "36h", "all"]),
    st.sampled_from(STATISTICS),
    st.sampled_from(["before", "after"]),
    st.booleans(),
)
def test_a_window_holds_the_rows_of_its_time_and_group_and_no_others(
    rows: pd.DataFrame, span: str, statistic: Any, direction: Any, now: bool
) -> None:
    asked = Rolling(columns="promo", windows=span, statistics=statistic, direction=direction, now=now, **BY_SHOP)
    for place, value in enumerate(made(asked, rows)):
        within = brute_window(rows, place, asked)
        expected = None if within is None else getattr(within, statistic)() if len(within) else np.nan
        if statistic == "count" and within is not None:
            expected = len(within)
        if expected is None or np.isnan(expected):
            assert value is None
        else:
            assert value == pytest.approx(expected, rel=1e-6, abs=1e-6)


@settings(max_examples=60)
@given(shops(), st.booleans())
def test_the_time_to_an_event_is_that_to_the_nearest_one_on_its_side(rows: pd.DataFrame, until: bool) -> None:
    values = made(Elapsed(columns="kind", direction="until" if until else "since", **BY_SHOP), rows)
    events = rows[rows["kind"].isin(["a", "b"])]
    for value, (_, row) in zip(values, rows.iterrows(), strict=True):
        same = events[(events["shop"] == row["shop"]).fillna(False)] if pd.notna(row["shop"]) else events[:0]
        gap = (same["day"] - row["day"] if until else row["day"] - same["day"]) / DAY
        gap = gap[gap >= 0]
        assert value == (gap.min() if len(gap) else None)


def test_a_column_by_default_has_an_event_where_it_holds_anything_but_nothing() -> None:
    rows = table([1, 2, 3, 4, 5], kind=["0", "a", None, "0", "b"])
    assert made(Elapsed(columns="kind", direction="since", **BY_SHOP), rows) == [None, 0, 1, 2, 0]
    assert made(Elapsed(columns="kind", direction="since", events=["b"], **BY_SHOP), rows) == [None] * 4 + [0]
    flags = table([1, 2, 4], promo=[True, False, False])
    assert made(Elapsed(columns="promo", direction="since", **BY_SHOP), flags) == [0, 1, 3]


def test_a_change_of_value_is_an_event_in_the_first_row_that_differs() -> None:
    rows = table([5, 1, 2, 3, 9], kind=["b", "a", "a", "b", "b"])
    assert made(Elapsed(columns="kind", change=True, direction="since", **BY_SHOP), rows) == [2, None, None, 0, 6]
    assert made(Elapsed(columns="kind", change=True, direction="until", **BY_SHOP), rows) == [None, 2, 1, 0, None]


def test_the_first_row_of_a_group_is_no_change() -> None:
    rows = table([1, 2], shop=[1, 2], kind=["a", "b"])
    assert made(Elapsed(columns="kind", change=True, direction="since", **BY_SHOP), rows) == [None, None]


def test_time_is_counted_in_the_unit_asked_for() -> None:
    rows = table([1, 8], kind=["a", "0"])
    assert made(Elapsed(columns="kind", direction="since", unit="1W", **BY_SHOP), rows) == [0, 1]
    assert made(Elapsed(columns="kind", direction="since", unit="12h", **BY_SHOP), rows) == [0, 14]


def test_the_values_of_events_are_counted_whatever_type_their_column_was_read_as() -> None:
    asked = Rolling(columns="kind", windows="3D", statistics="sum", events=[1], **BY_SHOP)
    for kind in ([1, 0, 1], [1.0, 0.0, 1.0], ["1", "a", "1"], [True, False, True]):
        expected = [0, 0, 0] if kind[0] is True else [1, 1, 2]
        assert made(asked, table([1, 2, 3], kind=kind)) == expected


def test_a_lag_is_the_value_of_exactly_that_time_before() -> None:
    rows = table([8, 1, 2, 16, 1], promo=[1.0, 2.0, 3.0, 4.0, 6.0], shop=[1, 1, 1, 1, 2])
    assert made(Lags(columns="promo", lags="7D", **BY_SHOP), rows) == [2, None, None, None, None]
    twice = table([1, 1, 8], promo=[2.0, 4.0, 0.0])
    assert made(Lags(columns="promo", lags="7D", **BY_SHOP), twice) == [None, None, 3]


def test_time_may_be_counted_by_a_column_of_numbers() -> None:
    rows = pd.DataFrame({"week": [3, 1, 2], "promo": [30.0, 10.0, 20.0]})
    assert made(Lags(columns="promo", lags=1, date="week"), rows) == [20, None, 10]
    assert made(Rolling(columns="promo", windows=2, statistics="sum", date="week"), rows) == [50, 10, 30]


def test_a_group_may_be_made_of_several_columns() -> None:
    rows = table([1, 2, 3], shop=[1, 1, 1], town=["x", "y", "x"], promo=[1.0, 2.0, 4.0])
    asked = Rolling(columns="promo", windows="all", statistics="sum", by=["shop", "town"], date="day")
    assert made(asked, rows) == [1, 2, 5]
    assert plain(asked).names == ["promo.sum_all_by_shop+town"]


def test_a_column_may_be_given_a_name_of_its_own() -> None:
    assert plain(Lags(columns="promo", lags="7D", name="last week", **BY_SHOP)).names == ["last week"]
    with pytest.raises(ConfigError, match="name: is for one column, and this makes 2"):
        plain(Lags(columns="promo", lags=["1D", "7D"], name="before", **BY_SHOP))


def test_the_only_column_of_dates_is_the_time_where_none_is_named() -> None:
    assert made(Lags(columns="promo", lags="1D"), table([1, 2], promo=[5.0, 6.0])) == [None, 5]


def test_a_small_window_is_not_touched_by_large_numbers_elsewhere() -> None:
    rows = table([1, 20, 21], promo=[1e17, 0.25, 0.5])
    assert made(Rolling(columns="promo", windows="3D", statistics="sum", **BY_SHOP), rows)[1:] == [0.25, 0.75]


# ---- nothing looks past the row's time


BACKWARD = (
    Elapsed(columns=["kind", "promo"], direction="since", **BY_SHOP),
    Elapsed(columns="kind", direction="since", change=True, **BY_SHOP),
    Rolling(columns="promo", windows=["3D", "all"], statistics=list(STATISTICS), **BY_SHOP),
    Rolling(columns="promo", windows="3D", now=False, **BY_SHOP),
    Lags(columns="promo", lags=["1D", "3D"], **BY_SHOP),
)


@pytest.mark.parametrize("asked", BACKWARD, ids=lambda asked: type(asked).__name__)
@settings(max_examples=25)
@given(rows=shops(), now=st.integers(1, 25), seed=st.integers(0, 99))
def test_whatever_changes_after_a_row_leaves_its_features_the_same_bytes(
    asked: Any, rows: pd.DataFrame, now: int, seed: int
) -> None:
    moment = pd.Timestamp(f"2015-01-{now:02d}")
    later = (rows["day"] > moment).to_numpy()
    rng, other = np.random.default_rng(seed), rows.copy()
    other.loc[later, "promo"] = rng.normal(size=int(later.sum())) * 1e9
    other.loc[later, "kind"] = rng.choice(["a", "b", "0"], int(later.sum()))
    before, after = plain(asked).make(rows), plain(asked).make(other)
    assert before[~later].to_numpy().tobytes() == after[~later].to_numpy().tobytes()


@pytest.mark.parametrize("asked", BACKWARD, ids=lambda asked: type(asked).__name__)
def test_the_order_of_rows_does_not_matter(asked: Any) -> None:
    rng = np.random.default_rng(0)
    rows = table(
        [int(day) for day in rng.permutation(np.arange(1, 29))],
        shop=[1, 2] * 14,
        promo=rng.normal(size=28),
        kind=["a", "0"] * 14,
    )
    straight, shuffled = plain(asked).make(rows), plain(asked).make(rows.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(straight, shuffled.loc[rows.index])


# ---- the target's past


def learnt_of(asked: History, rows: pd.DataFrame, targets: list[float]) -> tuple[history.Remembered, pd.DataFrame]:
    (step,) = history.build(asked, SETTING)
    values = np.array(targets, dtype=float)[:, None]
    return step, step.fit(rows[list(step.sources)], Targets(["sales"], values))


@settings(max_examples=40)
@given(shops(), st.sampled_from(["3D", "all"]), st.sampled_from([None, "1D", "5D"]))
def test_a_row_sees_the_targets_before_its_time_and_horizon(rows: pd.DataFrame, span: str, horizon: str | None) -> None:
    targets = [float(place**2) for place in range(len(rows))]
    step, learnt = learnt_of(History(windows=span, horizon=horizon, **BY_SHOP), rows, targets)
    far = pd.Timedelta("10000D") if span == "all" else pd.Timedelta(span)
    for value, (_, row) in zip(step.apply(rows, learnt).iloc[:, 0], rows.iterrows(), strict=True):
        if pd.isna(row["shop"]) or pd.isna(row["day"]):
            assert np.isnan(value)
            continue
        gap = row["day"] - rows["day"]
        near = gap > pd.Timedelta(0) if horizon is None else gap >= pd.Timedelta(horizon)
        old = gap <= far if horizon is None else gap < pd.Timedelta(horizon) + far
        seen = [targets[place] for place in np.flatnonzero(near & old & (rows["shop"] == row["shop"]).fillna(False))]
        assert value == pytest.approx(np.mean(seen), rel=1e-6) if seen else np.isnan(value)


def test_no_row_sees_its_own_target_nor_one_of_its_time() -> None:
    rows = table([1, 2, 2, 3])
    step, learnt = learnt_of(History(windows="all", statistics=["sum", "count"], **BY_SHOP), rows, [1, 10, 100, 1000])
    seen = step.apply(rows, learnt)
    assert seen["sales.sum_all_by_shop"].fillna(-1).tolist() == [-1, 1, 1, 111]
    assert seen["sales.count_all_by_shop"].tolist() == [0, 1, 1, 3]


def test_a_test_row_gets_the_lag_of_the_year_before_and_none_that_is_not_there() -> None:
    rows = table(["2014-01-02", "2014-01-03"])
    step, learnt = learnt_of(History(lags="364D", **BY_SHOP), rows, [7, 8])
    test = table(["2015-01-01", "2015-01-03"], shop=[1, 1])
    assert step.apply(test, learnt)["sales.lag_364D_by_shop"].fillna(-1).tolist() == [7, -1]


def test_what_is_learnt_does_not_depend_on_the_order_of_the_rows() -> None:
    rows, targets = table([1, 2, 2, 3], shop=[1, 2, 2, 1]), [1.0, 2.0, 3.0, 4.0]
    asked = History(windows="all", **BY_SHOP)
    _, learnt = learnt_of(asked, rows, targets)
    _, turned = learnt_of(asked, rows[::-1], targets[::-1])
    pd.testing.assert_frame_equal(learnt, turned)


# ---- what cannot be


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            Lags(columns="promo", lags=7, **BY_SHOP),
            "lags: 7.0: 'day' holds dates; expected a length of time such as 7D",
        ),
        (Lags(columns="promo", lags="7D", date="week"), "lags: '7D': 'week' holds numbers; expected a number"),
        (Lags(columns="promo", lags="7D", date="kind"), "date: 'kind' holds neither dates nor numbers"),
        (Lags(columns="promos", lags="7D"), "no such column 'promos'; did you mean promo?"),
        (Rolling(columns="promo", windows="7D", by="shops"), "no such column 'shops'; did you mean shop?"),
    ],
)
def test_what_does_not_fit_the_columns_is_refused_by_name(asked: Any, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        plain(asked)
    assert str(refused.value.message).startswith(f"{SETTING.where}: {told}")


def test_a_lag_within_the_horizon_is_refused() -> None:
    with pytest.raises(ConfigError, match="lags: 7D is within the horizon of 48D"):
        history.build(History(lags="7D", horizon="48D", **BY_SHOP), SETTING)


def test_words_are_no_numbers_unless_they_are_events() -> None:
    with pytest.raises(ConfigError, match="'kind' holds 'a', which is no number") as refused:
        made(Rolling(columns="kind", windows="7D", **BY_SHOP), table([1, 2], kind=["0", "a"]))
    assert "events: [a]" in str(refused.value.remedy)


@pytest.mark.parametrize("span", ["7", "7M", "-7D", "0D", "all days", 0])
def test_what_is_no_length_of_time_is_refused(span: Any) -> None:
    with pytest.raises(ValidationError):
        Lags(columns="promo", lags=span)
