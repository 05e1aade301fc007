"""Folds: who is scored by which model, and what a model may learn from."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold

from outfold.errors import ConfigError, DataError
from outfold.folds import Folds, duplicates_across, inner_split, make_folds

FORTY = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])

DIGITS = load_digits().target
DIGIT_IDS = pd.Index([f"d{i:04d}" for i in range(len(DIGITS))])


def names(rows: int) -> pd.Index:
    return pd.Index([f"row{i}.png" for i in range(rows)])


def by_id(values: Any, ids: pd.Index) -> pd.Series:
    return pd.Series(np.asarray(values), index=ids)


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    """Rows with classes, groups, dates, labels and numbers, and a number of folds that they can bear."""
    rows = draw(st.integers(4, 60))
    n = draw(st.integers(2, min(5, rows - 1)))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    ids = names(rows)
    groups = rng.integers(0, max(n, rows // 2), rows)
    groups[:n] = np.arange(n)  # as many groups as folds, at least
    dates = rng.integers(0, max(n + 1, rows // 2), rows)
    dates[: n + 1] = np.arange(n + 1)
    return {
        "ids": ids,
        "n": n,
        "seed": draw(st.integers(0, 1000)),
        "classes": rng.integers(0, draw(st.integers(1, 6)), rows),
        "numbers": rng.exponential(size=rows).round(1),
        "labels": (rng.random((rows, 4)) < 0.3).astype(np.int8),
        "groups": by_id(groups, ids),
        "dates": by_id(np.datetime64("2017-01-01") + dates.astype("timedelta64[D]"), ids),
    }


def made(problem: dict[str, Any], kind: str, repeats: int = 1) -> Folds:
    truth = {"multilabel_stratified": "labels", "stratified_regression": "numbers"}.get(kind, "classes")
    task = {"labels": "multilabel", "numbers": "regression", "classes": "multiclass"}[truth]
    arguments = {"y": problem[truth], "task": task, "n": problem["n"], "seed": problem["seed"], "repeats": repeats}
    if kind in ("group", "stratified_group"):
        arguments["groups"] = problem["groups"]
    if kind == "time_series":
        arguments["dates"] = problem["dates"]
    return make_folds(problem["ids"], kind=kind, **arguments)[0]  # type: ignore[arg-type]


SHUFFLED = ["kfold", "stratified", "group", "stratified_group", "multilabel_stratified", "stratified_regression"]


@pytest.mark.parametrize("kind", SHUFFLED)
@FORTY
@given(problem=problems(), repeats=st.integers(1, 3))
def test_every_row_is_scored_exactly_once_in_a_repeat(kind: str, problem: dict[str, Any], repeats: int) -> None:
    folds = made(problem, kind, repeats)
    n = problem["n"]
    for repeat in range(repeats):
        scored = [folds.valid(fold) for fold in folds.numbers()[repeat * n : (repeat + 1) * n]]
        assert all(len(ids) for ids in scored)
        assert sorted(i for ids in scored for i in ids) == sorted(problem["ids"])
    assert folds.complete


@pytest.mark.parametrize("kind", [*SHUFFLED, "time_series"])
@FORTY
@given(problem=problems())
def test_no_fold_learns_from_a_row_that_it_scores(kind: str, problem: dict[str, Any]) -> None:
    folds = made(problem, kind)
    for fold in folds.numbers():
        train, valid = folds.train(fold), folds.valid(fold)
        assert len(train)
        assert len(valid)
        assert set(train).isdisjoint(valid)


@pytest.mark.parametrize("kind", SHUFFLED)
@FORTY
@given(problem=problems())
def test_a_model_learns_from_all_rows_that_it_does_not_score(kind: str, problem: dict[str, Any]) -> None:
    folds = made(problem, kind, repeats=2)
    for fold in folds.numbers():
        assert sorted([*folds.train(fold), *folds.valid(fold)]) == sorted(problem["ids"])


@pytest.mark.parametrize("kind", ["group", "stratified_group"])
@FORTY
@given(problem=problems(), repeats=st.integers(1, 2))
def test_a_group_is_never_on_both_sides(kind: str, problem: dict[str, Any], repeats: int) -> None:
    folds = made(problem, kind, repeats)
    groups = problem["groups"]
    for fold in folds.numbers():
        assert set(groups[folds.train(fold)]).isdisjoint(groups[folds.valid(fold)])


@FORTY
@given(problem=problems())
def test_stratified_class_counts_are_within_one_row_of_equal(problem: dict[str, Any]) -> None:
    folds = made(problem, "stratified")
    y = by_id(problem["classes"], problem["ids"])
    for label in np.unique(problem["classes"]):
        counts = [int((y[folds.valid(fold)] == label).sum()) for fold in folds.numbers()]
        assert max(counts) - min(counts) <= 1


@FORTY
@given(problem=problems())
def test_time_series_learns_from_strictly_earlier_dates_only(problem: dict[str, Any]) -> None:
    folds = made(problem, "time_series")
    dates = problem["dates"]
    for fold in folds.numbers():
        assert dates[folds.train(fold)].max() < dates[folds.valid(fold)].min()
    assert not folds.complete


@FORTY
@given(problem=problems())
def test_grouped_folds_differ_by_no_more_than_the_largest_group(problem: dict[str, Any]) -> None:
    folds = made(problem, "group")
    sizes = [len(folds.valid(fold)) for fold in folds.numbers()]
    assert max(sizes) - min(sizes) <= problem["groups"].value_counts().max()


@FORTY
@given(problem=problems(), shuffle=st.randoms(use_true_random=False))
def test_the_hash_does_not_depend_on_the_order_of_the_rows(problem: dict[str, Any], shuffle: Any) -> None:
    folds = made(problem, "stratified", repeats=2)
    order = list(range(len(folds.frame)))
    shuffle.shuffle(order)
    assert Folds(folds.frame.iloc[order].reset_index(drop=True), folds.kind, folds.n, folds.repeats).hash == folds.hash


@FORTY
@given(problem=problems(), data=st.data())
def test_the_hash_changes_with_any_row_that_moves(problem: dict[str, Any], data: st.DataObject) -> None:
    folds = made(problem, "kfold")
    row = data.draw(st.integers(0, len(folds.frame) - 1))
    frame = folds.frame.copy()
    numbers = frame["fold"].to_numpy(copy=True)
    numbers[row] = (numbers[row] + data.draw(st.integers(1, folds.n - 1))) % folds.n
    frame["fold"] = numbers
    assert Folds(frame, folds.kind, folds.n).hash != folds.hash


def test_the_hash_tells_kinds_and_numbers_of_folds_apart() -> None:
    frame = pd.DataFrame({"id": ["a", "b", "c"], "fold": [0, 1, 0]})
    hashes = {Folds(frame, "kfold", 2).hash, Folds(frame, "group", 2).hash, Folds(frame, "kfold", 3).hash}
    assert len(hashes | {Folds(frame, "kfold", 1, 2).hash}) == 4


@FORTY
@given(ids=st.lists(st.text(st.characters(codec="utf-8"), max_size=4), min_size=1, max_size=12, unique=True))
def test_the_hash_is_that_of_the_sorted_pairs(ids: list[str]) -> None:
    frame = pd.DataFrame({"id": pd.Series(ids, dtype=object), "fold": np.arange(len(ids)) % 2})
    pairs = sorted(zip(ids, (int(fold) for fold in frame["fold"]), strict=True))
    content = json.dumps(["kfold", 2, 1, pairs], separators=(",", ":"))
    assert Folds(frame, "kfold", 2).hash == hashlib.sha256(content.encode("ascii")).hexdigest()


def test_the_hash_survives_ids_read_as_text() -> None:
    folds = make_folds(pd.Index(range(20)), kind="kfold")[0]
    text = folds.frame.assign(id=folds.frame["id"].astype(str))
    assert Folds(text, "kfold", 5).hash == folds.hash


def test_kfold_and_stratified_are_the_folds_that_everybody_gets_from_scikit_learn() -> None:
    blank = np.zeros((len(DIGITS), 1))
    splitters = {
        "kfold": KFold(5, shuffle=True, random_state=42).split(blank),
        "stratified": StratifiedKFold(5, shuffle=True, random_state=42).split(blank, DIGITS),
    }
    for kind, splitter in splitters.items():
        folds, warnings = make_folds(DIGIT_IDS, kind=kind, y=DIGITS)  # type: ignore[arg-type]
        for fold, (train, valid) in enumerate(splitter):
            assert folds.valid(fold).equals(DIGIT_IDS[valid])
            assert folds.train(fold).equals(DIGIT_IDS[train])
        assert warnings == []


def test_stratified_group_is_scikit_learns() -> None:
    groups = by_id(np.arange(len(DIGITS)) // 30, DIGIT_IDS)
    folds, _ = make_folds(DIGIT_IDS, kind="stratified_group", y=DIGITS, groups=groups, seed=7)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=7).split(DIGITS, DIGITS, groups)
    for fold, (_, valid) in enumerate(splitter):
        assert folds.valid(fold).equals(DIGIT_IDS[valid])


def test_the_table_keeps_the_order_of_the_training_rows() -> None:
    folds, _ = make_folds(DIGIT_IDS, kind="stratified", y=DIGITS, repeats=2)
    assert list(folds.frame["id"]) == [*DIGIT_IDS, *DIGIT_IDS]
    assert folds.frame["fold"].dtype == np.int64


def test_repeats_number_their_folds_on_and_split_differently() -> None:
    folds, _ = make_folds(DIGIT_IDS, kind="stratified", y=DIGITS, n=3, repeats=2)
    assert folds.numbers() == [0, 1, 2, 3, 4, 5]
    assert not folds.valid(0).equals(folds.valid(3))
    again, _ = make_folds(DIGIT_IDS, kind="stratified", y=DIGITS, n=3, seed=43)
    assert folds.valid(3).equals(again.valid(0)), "repeat r is shuffled by seed + r"


def test_repeats_of_groups_differ_even_where_all_groups_differ_in_size() -> None:
    groups = np.repeat(np.arange(12), np.arange(12) + 20)
    folds, _ = make_folds(names(len(groups)), kind="group", groups=by_id(groups, names(len(groups))), n=3, repeats=2)
    first = {frozenset(folds.valid(fold)) for fold in (0, 1, 2)}
    second = {frozenset(folds.valid(fold)) for fold in (3, 4, 5)}
    assert first != second
    assert not folds.valid(0).empty


@pytest.mark.parametrize("kind", SHUFFLED)
def test_same_ids_and_seed_give_the_same_folds(kind: str) -> None:
    problem = {
        "ids": names(60),
        "n": 4,
        "seed": 5,
        "classes": np.arange(60) % 3,
        "numbers": np.arange(60.0),
        "labels": np.array([[i % 2, i % 3 == 0, i % 5 == 0] for i in range(60)], dtype=np.int8),
        "groups": by_id(np.arange(60) // 4, names(60)),
    }
    hashes = {made(problem, kind).hash, made(problem, kind).hash, made(problem | {"seed": 6}, kind).hash}
    assert len(hashes) == 2


def test_columns_are_joined_by_id_not_by_position() -> None:
    ids = names(40)
    groups, y = by_id(np.arange(40) // 4, ids), by_id(np.arange(40) % 2, ids)
    mixed = np.random.default_rng(0).permutation(40)
    straight, _ = make_folds(ids, kind="stratified_group", groups=groups, y=y)
    shuffled, _ = make_folds(ids, kind="stratified_group", groups=groups.iloc[mixed], y=y.iloc[mixed])
    assert straight.hash == shuffled.hash


def test_rare_classes_are_spread_and_named() -> None:
    y = np.array([0] * 50 + [1] * 50 + [2] * 3 + [3])
    folds, warnings = make_folds(names(len(y)), kind="stratified", y=y, classes=["cat", "dog", "emu", "yak"])
    where = folds.frame["fold"].to_numpy()
    assert len(set(where[y == 2])) == 3
    assert "fewer rows than the 5 folds in 2 classes: emu (3), yak (1)" in warnings[0]
    assert f"(fold {where[-1]}: yak)" in warnings[1], "nobody can learn the one yak when its fold is scored"


def test_stratified_works_where_every_class_is_rarer_than_the_folds() -> None:
    y = np.repeat(np.arange(6), 3)
    folds, warnings = make_folds(names(18), kind="stratified", y=y, n=4)
    for label in range(6):
        assert folds.frame["fold"][y == label].nunique() == 3
    assert len(warnings) >= 1


def test_rare_labels_of_a_multilabel_target_are_named() -> None:
    labels = np.zeros((40, 3), dtype=np.int8)
    labels[::2, 0] = labels[::3, 1] = labels[:2, 2] = 1
    _, warnings = make_folds(names(40), kind="multilabel_stratified", y=labels, classes=["haze", "clear", "blow_down"])
    assert any("1 label: blow_down (2)" in warning for warning in warnings)


def test_multilabel_folds_share_each_label() -> None:
    rng = np.random.default_rng(3)
    labels = (rng.random((500, 6)) < [0.5, 0.3, 0.1, 0.05, 0.04, 0.02]).astype(np.int8)
    folds, _ = make_folds(names(500), kind="multilabel_stratified", y=labels, task="multilabel")
    frame = pd.DataFrame(labels, index=names(500))
    share = np.array([frame.loc[folds.valid(fold)].sum() for fold in folds.numbers()])
    assert (np.abs(share - share.mean(axis=0)) <= 3).all()


def test_one_label_alone_is_stratified() -> None:
    labels = (np.arange(50) % 5 == 0).astype(np.int8)[:, None]
    folds, _ = make_folds(names(50), kind="multilabel_stratified", y=labels, task="multilabel")
    counts = pd.Series(labels[:, 0], index=names(50))
    assert [int(counts[folds.valid(fold)].sum()) for fold in range(5)] == [2] * 5


def test_stratified_regression_gives_every_fold_the_whole_range() -> None:
    y = load_diabetes().target
    ids = names(len(y))
    means = {}
    for kind in ("kfold", "stratified_regression"):
        folds, warnings = make_folds(ids, kind=kind, y=y)
        values = by_id(y, ids)
        means[kind] = np.std([values[folds.valid(fold)].mean() for fold in folds.numbers()])
        assert warnings == []
    assert means["stratified_regression"] < means["kfold"] / 2


def test_too_many_bins_are_warned_about() -> None:
    _, warnings = make_folds(names(30), kind="stratified_regression", y=np.arange(30.0), bins=10)
    assert any("10 bins of 30 rows" in warning for warning in warnings)


def test_several_numbers_are_stratified_together() -> None:
    y = np.column_stack([np.arange(100.0), np.arange(100.0) ** 2])
    folds, _ = make_folds(names(100), kind="stratified_regression", y=y, task="regression")
    first = pd.Series(y[:, 0], index=names(100))
    assert np.ptp([first[folds.valid(fold)].mean() for fold in range(5)]) < 4


def test_equal_dates_stay_in_one_chunk_and_chunks_are_of_like_size() -> None:
    days = np.repeat(np.arange(30), 7)
    ids = names(len(days))
    mixed = np.random.default_rng(1).permutation(len(days))
    folds, _ = make_folds(ids, kind="time_series", n=4, dates=by_id(days[mixed], ids))
    chunk = folds.frame["fold"].to_numpy()
    assert all(len(set(chunk[days[mixed] == day])) == 1 for day in range(30))
    assert set(chunk) == {-1, 0, 1, 2, 3}
    assert set(np.bincount(chunk + 1)) == {42}


def test_time_series_learns_from_the_first_chunk_too() -> None:
    folds, _ = make_folds(names(50), kind="time_series", n=4, dates=by_id(np.arange(50), names(50)))
    assert len(folds.train(0)) == 10
    assert len(folds.train(3)) == 40


def test_dates_may_be_text() -> None:
    ids = names(6)
    text = by_id(["2015-01-02", "2014-12-31", "2015-01-01", "2015-02-01", "2014-01-01", "2016-01-01"], ids)
    folds, _ = make_folds(ids, kind="time_series", n=2, dates=text)
    assert list(folds.frame["fold"]) == [0, -1, 0, 1, -1, 1]


def test_a_date_that_cannot_be_read_is_named() -> None:
    text = by_id(["2015-01-01", "2015-01-02", "soon", "2015-01-04"], names(4))
    with pytest.raises(DataError, match=r"1 rows hold no date: row2\.png .*'soon'"):
        make_folds(names(4), kind="time_series", n=2, dates=text)


def test_folds_that_somebody_else_made_keep_their_rows_together() -> None:
    column = by_id([30, 10, 10, 20, -1, np.nan], names(6))
    folds, _ = make_folds(names(6), kind="column", column=column)
    assert folds.n == 3
    assert list(folds.frame["fold"]) == [2, 0, 0, 1, -1, -1]
    assert list(folds.train(0)) == ["row0.png", "row3.png", "row4.png", "row5.png"]
    assert not folds.complete


def test_folds_of_a_column_may_be_named() -> None:
    folds, _ = make_folds(names(4), kind="column", column=by_id(["b", "a", "b", "a"], names(4)))
    assert list(folds.frame["fold"]) == [1, 0, 1, 0]


@pytest.mark.parametrize("values", [[-1, -1, -1, -1], [0, 0, 0, 0]])
def test_a_fold_column_must_leave_something_to_learn_from(values: list[int]) -> None:
    with pytest.raises(DataError, match=r"folds\.column"):
        make_folds(names(4), kind="column", column=by_id(values, names(4)))


@FORTY
@given(problem=problems(), fraction=st.floats(0.05, 0.6))
def test_a_holdout_is_one_fold_of_about_the_asked_size(problem: dict[str, Any], fraction: float) -> None:
    ids = problem["ids"]
    folds, _ = make_folds(ids, kind="holdout", y=problem["numbers"], task="regression", fraction=fraction, seed=1)
    assert folds.numbers() == [0]
    assert abs(len(folds.valid(0)) - fraction * len(ids)) <= len(ids) // 2 * 0.5 + 1
    assert sorted([*folds.valid(0), *folds.train(0)]) == sorted(ids)


def test_a_holdout_shares_the_classes() -> None:
    folds, _ = make_folds(DIGIT_IDS, kind="holdout", y=DIGITS, fraction=0.25)
    y = by_id(DIGITS, DIGIT_IDS)
    counts, whole = y[folds.valid(0)].value_counts(), y.value_counts()
    assert (np.abs(counts - whole * 0.25) <= 1).all()
    assert len(folds.valid(0)) == round(len(y) * 0.25)


def test_a_holdout_keeps_groups_whole_and_classes_in_proportion() -> None:
    groups = by_id(np.arange(len(DIGITS)) // 20, DIGIT_IDS)
    folds, warnings = make_folds(DIGIT_IDS, kind="holdout", y=DIGITS, groups=groups)
    assert set(groups[folds.valid(0)]).isdisjoint(groups[folds.train(0)])
    share = by_id(DIGITS, DIGIT_IDS)[folds.valid(0)].value_counts() / pd.Series(DIGITS).value_counts()
    assert share.between(0.12, 0.28).all()
    assert warnings == []


@pytest.mark.parametrize("seed", range(5))
def test_a_holdout_shares_the_classes_even_where_each_group_is_of_one_class(seed: int) -> None:
    groups = by_id(np.repeat(np.arange(40), 5), names(200))
    y = groups % 4
    folds, _ = make_folds(names(200), kind="holdout", y=y, groups=groups, seed=seed)
    assert y[folds.valid(0)].value_counts().reindex(range(4), fill_value=0).between(5, 15).all()


def test_a_holdout_by_date_is_the_latest_rows() -> None:
    dates = by_id(np.random.default_rng(0).integers(0, 40, 200), names(200))
    folds, _ = make_folds(names(200), kind="holdout", dates=dates)
    assert dates[folds.valid(0)].min() > dates[folds.train(0)].max()
    assert 30 <= len(folds.valid(0)) <= 50


def test_groups_that_the_split_ignores_are_counted() -> None:
    patients = by_id(np.arange(40) // 2, names(40))
    _, warnings = make_folds(names(40), kind="kfold", groups=patients)
    assert any(
        "of 20 groups have rows on both sides" in warning and "stratified_group" in warning for warning in warnings
    )
    _, quiet = make_folds(names(40), kind="group", groups=patients)
    assert quiet == []


def test_groups_of_one_row_each_give_no_warning() -> None:
    _, warnings = make_folds(names(40), kind="kfold", groups=by_id(np.arange(40), names(40)))
    assert warnings == []


def test_uneven_folds_are_warned_about() -> None:
    groups = by_id([0] * 60 + list(range(1, 41)), names(100))
    _, warnings = make_folds(names(100), kind="group", groups=groups)
    assert any("uneven" in warning and "60 rows" in warning for warning in warnings)


def test_a_fold_of_one_class_is_warned_about() -> None:
    y = np.repeat([0, 1], 20)
    _, warnings = make_folds(names(40), kind="time_series", dates=by_id(np.arange(40), names(40)), y=y, task="binary")
    assert any("of one class" in warning and "AUC" in warning for warning in warnings)


def test_duplicates_across_a_split_are_counted_and_shown() -> None:
    frame = pd.DataFrame({"id": ["a", "b", "c", "d", "e", "f"], "fold": [0, 1, 0, 0, 1, 1]})
    keys = pd.Series(["x", "x", "y", "y", "z", None], index=list("abcdef"))
    [warning] = duplicates_across(Folds(frame, "kfold", 2), keys)
    assert "2 rows" in warning
    assert "(1 set)" in warning
    assert "a = b" in warning
    assert "c" not in warning.split("(1 set):")[1].split(".")[0], "c and d are equal, but on the same side"


def test_duplicates_inside_one_fold_are_no_warning() -> None:
    frame = pd.DataFrame({"id": ["a", "b", "c"], "fold": [0, 0, 1]})
    assert duplicates_across(Folds(frame, "kfold", 2), pd.Series(["x", "x", "y"], index=list("abc"))) == []


def test_duplicates_of_the_same_fold_number_in_different_repeats_are_found_once() -> None:
    ids = names(30)
    folds, _ = make_folds(ids, kind="kfold", n=3, repeats=2)
    [warning] = duplicates_across(folds, by_id(["same"] * 30, ids))
    assert "30 rows" in warning


ERRORS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"kind": "kfold", "n": 1}, ConfigError, r"folds\.n: 1"),
    ({"kind": "kfold", "n": 13}, ConfigError, r"13 folds for 12 training rows"),
    ({"kind": "kfold", "repeats": 0}, ConfigError, r"folds\.repeats"),
    ({"kind": "kfold", "seed": -1}, ConfigError, r"folds\.seed"),
    ({"kind": "k-fold"}, ConfigError, r"'k-fold' is not one of"),
    ({"kind": "stratified"}, ConfigError, r"stratified needs the target"),
    ({"kind": "stratified", "y": np.linspace(0, 1, 12)}, ConfigError, r"does not fit a regression target"),
    ({"kind": "stratified", "y": np.eye(12, 3, dtype=np.int8)}, ConfigError, r"does not fit a multilabel target"),
    ({"kind": "stratified", "y": np.arange(11)}, DataError, r"11 values for 12"),
    ({"kind": "stratified", "y": [np.nan, *range(11)]}, DataError, r"1 training rows have no value: row0\.png"),
    ({"kind": "stratified_regression", "y": np.arange(12) % 2, "task": "binary"}, ConfigError, r"binary target"),
    ({"kind": "group"}, ConfigError, r"needs a group column"),
    (
        {"kind": "group", "groups": by_id(np.arange(12) % 3, names(12))},
        ConfigError,
        r"5 folds need 5 groups, there are 3",
    ),
    ({"kind": "group", "groups": by_id([None, *"abcdefghijk"], names(12))}, DataError, r"1 training rows: row0\.png"),
    ({"kind": "group", "groups": by_id(np.arange(11), names(11))}, DataError, r"1 of 12 .*: row11\.png"),
    ({"kind": "time_series"}, ConfigError, r"needs a date column"),
    ({"kind": "time_series", "dates": by_id([1, 2, 3] * 4, names(12))}, ConfigError, r"6 distinct dates, there are 3"),
    ({"kind": "time_series", "dates": by_id([np.nan, *range(11)], names(12))}, DataError, r"row0\.png"),
    ({"kind": "time_series", "repeats": 2, "dates": by_id(range(12), names(12))}, ConfigError, r"cannot be repeated"),
    ({"kind": "holdout", "repeats": 2}, ConfigError, r"cannot be repeated"),
    ({"kind": "holdout", "fraction": 1.0}, ConfigError, r"folds\.fraction"),
    ({"kind": "holdout", "dates": by_id([1] * 12, names(12))}, DataError, r"all rows have the same one"),
    ({"kind": "holdout", "groups": by_id([1] * 12, names(12))}, DataError, r"all rows are in one"),
    ({"kind": "column"}, ConfigError, r"needs a column"),
    ({"kind": "column", "column": pd.Series([1, "a"] * 6, index=names(12), dtype=object)}, DataError, r"mixed"),
    (
        {"kind": "stratified_regression", "y": np.arange(12.0), "task": "regression", "bins": 1},
        ConfigError,
        r"folds\.bins",
    ),
]


@pytest.mark.parametrize(("arguments", "error", "message"), ERRORS)
def test_what_cannot_be_split_is_refused_by_name(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make_folds(names(12), **arguments)


def test_ids_must_be_there_and_unique() -> None:
    with pytest.raises(DataError, match="1 ids stand on several training rows: a"):
        make_folds(pd.Index(["a", "a", "b"]), kind="kfold", n=2)
    with pytest.raises(DataError, match="1 training rows have no id"):
        make_folds(pd.Index(["a", None, "b"]), kind="kfold", n=2)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"id": ["a", "b"]}), "columns id"),
        (pd.DataFrame({"id": ["a", "b"], "fold": [0.0, 1.0]}), "whole numbers"),
        (pd.DataFrame({"id": ["a", "b"], "fold": [0, 2]}), "beyond -1..1: b"),
        (pd.DataFrame({"id": ["a", "a"], "fold": [0, 1]}), "twice in one repeat: a"),
    ],
)
def test_a_damaged_table_of_folds_is_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Folds(frame, "kfold", 2)


def test_a_fold_that_does_not_exist_is_no_empty_fold() -> None:
    folds, _ = make_folds(names(10), kind="kfold")
    with pytest.raises(ValueError, match="fold 5"):
        folds.valid(5)


@FORTY
@given(problem=problems(), fraction=st.floats(0.1, 0.5))
def test_an_inner_split_parts_the_rows_in_two(problem: dict[str, Any], fraction: float) -> None:
    ids = problem["ids"]
    for kind, y, task in [
        ("stratified", "classes", "multiclass"),
        ("kfold", "numbers", "regression"),
        ("multilabel_stratified", "labels", "multilabel"),
    ]:
        learn, choose = inner_split(ids, fraction=fraction, seed=3, kind=kind, y=problem[y], task=task)  # type: ignore[arg-type]
        assert len(learn)
        assert len(choose)
        assert sorted([*learn, *choose]) == sorted(ids)
        assert list(learn) == [i for i in ids if i in set(learn)], "in the order of the ids"


@FORTY
@given(problem=problems(), fraction=st.floats(0.1, 0.5))
def test_an_inner_split_leaves_every_class_to_learn_from(problem: dict[str, Any], fraction: float) -> None:
    classes = by_id(problem["classes"], problem["ids"])
    assume(classes.value_counts().max() > 1)
    learn, _ = inner_split(
        problem["ids"], fraction=fraction, seed=problem["seed"], kind="stratified", y=classes, task="multiclass"
    )
    assert set(classes[learn]) == set(classes)


@FORTY
@given(problem=problems(), fraction=st.floats(0.1, 0.5))
def test_an_inner_split_keeps_groups_on_one_side_whatever_the_kind(problem: dict[str, Any], fraction: float) -> None:
    groups = problem["groups"]
    for kind in ("group", "stratified_group", "kfold"):
        learn, choose = inner_split(
            problem["ids"],
            fraction=fraction,
            seed=1,
            kind=kind,
            y=problem["classes"],
            groups=groups,
        )
        assert len(learn)
        assert len(choose)
        assert set(groups[learn]).isdisjoint(groups[choose])


@FORTY
@given(problem=problems(), fraction=st.floats(0.1, 0.5))
def test_an_inner_split_in_time_chooses_by_the_latest_rows(problem: dict[str, Any], fraction: float) -> None:
    dates = problem["dates"]
    learn, choose = inner_split(problem["ids"], fraction=fraction, seed=1, kind="time_series", dates=dates)
    assert dates[learn].max() < dates[choose].min()


def test_an_inner_split_may_be_given_the_columns_of_the_whole_contest() -> None:
    folds, _ = make_folds(DIGIT_IDS, kind="stratified", y=DIGITS)
    part = folds.train(2)
    learn, choose = inner_split(part, fraction=0.1, seed=0, kind=folds.kind, y=by_id(DIGITS, DIGIT_IDS))
    assert set(learn) | set(choose) == set(part)
    shares = by_id(DIGITS, DIGIT_IDS)[choose].value_counts()
    assert shares.max() - shares.min() <= 2


def test_an_inner_split_shares_the_labels() -> None:
    labels = (np.random.default_rng(0).random((400, 5)) < 0.2).astype(np.int8)
    _, choose = inner_split(names(400), fraction=0.2, seed=0, kind="multilabel_stratified", y=labels, task="multilabel")
    share = pd.DataFrame(labels, index=names(400)).loc[choose].sum() / labels.sum(axis=0)
    assert share.between(0.15, 0.25).all()


def test_an_inner_split_depends_on_its_seed_alone() -> None:
    first, again, other = (inner_split(names(50), fraction=0.2, seed=seed, kind="kfold")[1] for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_an_inner_split_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="1 training rows cannot be split"):
        inner_split(names(1), fraction=0.2, seed=0, kind="kfold")
    with pytest.raises(ConfigError, match="not between"):
        inner_split(names(9), fraction=0.0, seed=0, kind="kfold")
    with pytest.raises(ConfigError, match="date column"):
        inner_split(names(9), fraction=0.2, seed=0, kind="time_series")


DATA = Path(os.environ.get("OUTFOLD_TEST_DATA", "absent"))


@pytest.mark.skipif(not (DATA / "titanic" / "train.csv").exists(), reason="OUTFOLD_TEST_DATA holds no titanic")
def test_passengers_on_one_ticket_stay_together() -> None:
    train = pd.read_csv(DATA / "titanic" / "train.csv", index_col="PassengerId")
    _, warnings = make_folds(train.index, kind="stratified", y=train["Survived"], groups=train["Ticket"])
    assert any("of 681 groups" in warning for warning in warnings)
    folds, quiet = make_folds(train.index, kind="stratified_group", y=train["Survived"], groups=train["Ticket"])
    assert quiet == []
    rates = [train.loc[folds.valid(fold), "Survived"].mean() for fold in folds.numbers()]
    assert np.ptp(rates) < 0.05
    for fold in folds.numbers():
        assert set(train.loc[folds.train(fold), "Ticket"]).isdisjoint(train.loc[folds.valid(fold), "Ticket"])
