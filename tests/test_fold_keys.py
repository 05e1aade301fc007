"""Keys of ``folds``: what one implies without ``kind``, and the refusal of those that have no effect for a kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import outfold
from contest_folder import cancer_tables, write_contest

from outfold.config.folds import SHUFFLED, USED_BY, FoldsConfig
from outfold.config.load import load_competition
from outfold.contest_files import load_contest
from outfold.errors import ConfigError
from outfold.folds import make_folds

PLAIN = "host: folder\nslug: contest\n"


def folds_of(tmp_path: Path, folds: str) -> FoldsConfig:
    path = tmp_path / "competition.yaml"
    path.write_text(f"{PLAIN}folds: {{{folds}}}\n")
    return load_competition(path).folds


@pytest.mark.parametrize(
    ("keys", "kind", "by"),
    [
        ("column: part", "column", "column"),
        ("date: when", "time_series", "date"),
        ("date: when, n: 3", "time_series", "date"),
        ("date: when, span: 7D", "time_series", "span"),
        ("date: when, gap: 7D", "time_series", "gap"),
        ("date: when, fraction: 0.3", "holdout", "fraction"),
        ("fraction: 0.3", "holdout", "fraction"),
        ("bins: 7", "stratified_regression", "bins"),
        ("column: part, date: when, gap: 3", "column", "column"),
        ("n: 3, seed: 1, repeats: 2, group: g", None, None),
        ("kind: null, date: when", "time_series", "date"),
        ("kind: holdout, date: when", "holdout", None),
    ],
)
def test_the_kind_is_inferred_from_the_keys(tmp_path: Path, keys: str, kind: str | None, by: str | None) -> None:
    folds = folds_of(tmp_path, keys)
    assert (folds.kind, folds.implied_by) == (kind, by)


def value_of(key: str) -> str:
    values = {"n": 3, "seed": 7, "repeats": 2, "date": "when", "column": "part", "fraction": 0.3, "span": "7D"}
    return f"{key}: {values.get(key, {'gap': '7D', 'bins': 7}.get(key))}"


@pytest.mark.parametrize("kind", [*SHUFFLED, "time_series", "column", "holdout"])
@pytest.mark.parametrize("key", USED_BY)
def test_a_key_without_effect_for_a_kind_is_refused_by_name_and_line(tmp_path: Path, kind: str, key: str) -> None:
    lines = [f"kind: {kind}", value_of(key)]
    more = {"time_series": ["date"], "column": ["column"]}.get(kind, []) + (["date"] if key in ("span", "gap") else [])
    more += ["gap"] if (kind, key) == ("column", "date") else []
    lines += [value_of(other) for other in dict.fromkeys(more) if other != key]
    path = tmp_path / "competition.yaml"
    path.write_text(PLAIN + "folds:\n" + "".join(f"  {line}\n" for line in lines))
    if kind in USED_BY[key]:
        assert load_competition(path).folds.kind == kind
        return
    with pytest.raises(ConfigError) as refused:
        load_competition(path)
    told = [line for line in str(refused.value).splitlines() if f"{path}:5: folds.{key}: has no effect with" in line]
    assert told and USED_BY[key][0] in told[0]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("kind: time_series", "folds.kind: kind time_series needs a date column"),
        ("span: 7D", "folds.span: has no effect without a date column; add date:"),
        ("kind: column", "folds.kind: column needs a column"),
        ("kind: holdout, span: 7D", "folds.span: has no effect without a date column"),
        ("kind: column, column: a, date: b", "folds.date: has no effect with kind: column but for a gap"),
        ("kind: holdout, date: d, seed: 3", "folds.seed: has no effect with date:"),
        ("kind: holdout, date: d, span: 7D, fraction: 0.4", "folds.fraction: has no effect with span:"),
        ("date: d, gap: 0", "0 rows are no gap"),
        ("date: d, gap: 7 parsecs", "folds.gap:"),
        ("date: d, gap: -3D", "folds.gap:"),
        ("date: d, gap: .nan", "folds.gap:"),
        ("date: d, span: 1e9D", "folds.span:"),
        ("date: d, span: 99999999999999D", "longer than a century"),
    ],
)
def test_folds_that_contradict_themselves_are_refused(tmp_path: Path, keys: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        folds_of(tmp_path, keys)
    assert told in str(refused.value) and ":3: " in str(refused.value)


# each kind, by its keys' values beside their defaults: another split
CHANGES: list[tuple[dict[str, Any], str, Any]] = [
    ({"kind": "kfold"}, "n", 3),
    ({"kind": "kfold"}, "seed", 1),
    ({"kind": "kfold"}, "repeats", 2),
    ({"kind": "stratified"}, "seed", 1),
    ({"kind": "group"}, "seed", 1),
    ({"kind": "stratified_group"}, "seed", 1),
    ({"kind": "multilabel_stratified"}, "seed", 1),
    ({"kind": "stratified_regression"}, "bins", 2),
    ({"kind": "stratified_regression"}, "seed", 1),
    ({"kind": "time_series"}, "n", 3),
    ({"kind": "time_series"}, "span", "9D"),
    ({"kind": "time_series"}, "gap", "3D"),
    ({"kind": "time_series"}, "gap", 3),
    ({"kind": "holdout", "dates": None}, "fraction", 0.4),
    ({"kind": "holdout", "dates": None}, "seed", 1),
    ({"kind": "holdout"}, "fraction", 0.4),
    ({"kind": "holdout"}, "span", "9D"),
    ({"kind": "holdout"}, "gap", "3D"),
    ({"kind": "column"}, "gap", "3D"),
]


@pytest.mark.parametrize(("base", "key", "value"), CHANGES)
def test_every_key_that_a_kind_takes_makes_another_split(base: dict[str, Any], key: str, value: Any) -> None:
    ids, rng = pd.RangeIndex(120), np.random.default_rng(0)
    keys: dict[str, Any] = {
        "y": rng.integers(0, 2, 120),
        "groups": pd.Series(rng.integers(0, 30, 120), index=ids),
        "dates": pd.Series(pd.date_range("2020-01-01", periods=120), index=ids),
        "column": pd.Series(np.arange(120) // 40, index=ids),
        **base,
    }
    if base["kind"] == "stratified_regression":
        keys["y"] = rng.normal(size=120)
    elif base["kind"] == "multilabel_stratified":
        keys["y"] = rng.integers(0, 2, (120, 3))
    assert make_folds(ids, **keys)[0].hash != make_folds(ids, **{**keys, key: value})[0].hash


def test_the_group_of_folds_is_kept_whole_inside_training_parts_of_any_kind(tmp_path: Path) -> None:
    from outfold.learners.inner_cv import inner_places

    train, test, sample = cancer_tables()
    train["ward"] = np.arange(400) // 8
    root = write_contest(tmp_path, train, test, sample, target="diagnosis", folds={"kind": "kfold", "group": "ward"})
    contest = load_contest(root)
    learn, choose = inner_places(contest, contest.train.index, fraction=0.2, seed=0)
    ward = contest.train["ward"].to_numpy()
    assert set(ward[learn]).isdisjoint(ward[choose])


def dated_contest(root: Path, **keys: Any) -> Path:
    days = pd.Series(pd.date_range("2020-01-01", periods=150).strftime("%Y-%m-%d"))
    frame = pd.DataFrame({"id": range(150), "when": days, "x": np.arange(150) % 7, "y": np.arange(150) % 2})
    train, test = frame.iloc[:100], frame.iloc[100:].drop(columns="y")
    write_contest(root, train, test, test[["id"]].assign(y=0.5), target="y", **keys)
    (root / "pipelines").mkdir()
    (root / "pipelines" / "linear.yaml").write_text("learner: linear\n")
    return root


def test_split_and_check_say_what_kind_was_inferred(tmp_path: Path) -> None:
    root = dated_contest(tmp_path, folds={"date": "when", "n": 2})
    assert "2 x time_series (inferred from folds.date)" in outfold(root, "check").stdout
    assert "folds.kind is left out: 2 x time_series (inferred from folds.date)" in outfold(root, "split").stdout
    assert "2 folds, time_series" in outfold(root, "split").stdout


def test_random_folds_over_time_are_warned_of(tmp_path: Path) -> None:
    root = dated_contest(tmp_path, columns={"dates": "when"})
    for stage in ("check", "split"):
        ran = outfold(root, stage)
        told = ran.stdout + ran.stderr
        assert "the test rows lie after the training rows (column when: 2020-04-09" in told
        assert "folds: {kind: time_series, date: when}" in told
    dated = dated_contest(tmp_path / "dated", columns={"dates": "when"}, folds={"kind": "holdout", "date": "when"})
    ran = outfold(dated, "check")
    assert "lie after the training rows" not in ran.stdout + ran.stderr
