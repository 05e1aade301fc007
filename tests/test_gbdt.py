"""The LightGBM learner: every task on real data, chosen without the rows that score, the same on every run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from booster_contest import QUICK, cancer, configured, learner_of, oof, split, trained, write_contest
from scrambled import scrambled
from sklearn import datasets

from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.errors import ConfigError
from outfold.learners.gbdt.learner import GbdtLearner
from outfold.learners.gbdt.runtime import load_lightgbm
from outfold.learners.inner_cv import inner_places
from outfold.progress import Reporter
from outfold.store.fold_dir import Shelf

TITANIC = Path(os.environ.get("OUTFOLD_TEST_DATA", "")) / "titanic"


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables this small are slower with more."""
    monkeypatch.setenv("OUTFOLD_THREADS", "1")


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contest]:
    yield write_contest(tmp_path_factory.mktemp("cancer"), cancer(), ["target"], "binary")


# what it is for


def test_with_no_parameters_it_is_a_strong_binary_model(binary: Contest) -> None:
    folds = split(binary)
    learner, shelves = trained(binary, folds)
    assert binary.metric.name == "auc"
    assert binary.metric.score(binary.y, oof(binary, folds, learner, shelves)) > 0.985


def test_multiclass_probabilities_are_right_and_sum_to_one(tmp_path: Path) -> None:
    contest = write_contest(tmp_path, datasets.load_wine(as_frame=True).frame, ["target"], "multiclass")
    folds = split(contest)
    values = oof(contest, folds, *trained(contest, folds, **QUICK))
    assert values.shape == (len(contest.train), 3)
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)
    assert (values.argmax(axis=1) == contest.y).mean() > 0.93


def test_regression_beats_the_mean_by_far(tmp_path: Path) -> None:
    contest = write_contest(tmp_path, datasets.load_diabetes(as_frame=True).frame, ["target"], "regression")
    folds = split(contest)
    values = oof(contest, folds, *trained(contest, folds, **QUICK))
    assert np.sqrt(np.mean((values[:, 0] - contest.y) ** 2)) < 0.85 * contest.y.std()


def test_each_regression_target_has_a_booster_of_its_own(tmp_path: Path) -> None:
    bunch = datasets.load_linnerud(as_frame=True)
    table = pd.concat([bunch.frame] * 6, ignore_index=True)
    contest = write_contest(tmp_path, table, list(bunch.target_names), "regression")
    folds = split(contest, 2)
    learner, shelves = trained(contest, folds, rounds=80, early_stopping=0, params={"min_data_in_leaf": 2})
    values = oof(contest, folds, learner, shelves)
    for column in range(3):
        assert np.corrcoef(values[:, column], contest.y[:, column])[0, 1] > 0.8
    assert sorted(path.name for path in shelves[0].folder.glob("*.txt")) == [
        *("model-Pulse.txt", "model-Waist.txt", "model-Weight.txt")
    ]


def test_each_label_of_a_multilabel_task_has_a_booster_and_a_constant_label_does_no_harm(tmp_path: Path) -> None:
    table = cancer()
    large = (table["mean_area"] > table["mean_area"].median()).astype(int)
    table = table.drop(columns=[name for name in table if "area" in name]).assign(large=large, never=0)
    table.loc[[0, 4], "never"] = [1, 0]  # one row in all: most training parts have none
    contest = write_contest(tmp_path, table, ["target", "large", "never"], "multilabel")
    folds = split(contest)
    values = oof(contest, folds, *trained(contest, folds, **QUICK))
    assert ((values[:, :2] > 0.5) == contest.y[:, :2]).mean() > 0.9
    assert np.isfinite(values).all()
    assert (values[:, 2] < 0.1).all()


def test_a_class_that_is_missing_from_a_training_part_gets_next_to_nothing(tmp_path: Path) -> None:
    contest = write_contest(tmp_path, datasets.load_iris(as_frame=True).frame, ["target"], "multiclass")
    ids, learner = contest.train.index, learner_of(contest, **QUICK)
    shelf = Shelf.open(tmp_path / "fold", "made of this")
    learner.fit(0, ids[contest.y != 1], ids[contest.y == 1], shelf)
    values = learner.predict("train", ids, {0: shelf})[contest.outputs].to_numpy()
    assert values[:, 1].max() < 1e-6
    assert (values.argmax(axis=1) == contest.y)[contest.y != 1].mean() > 0.97


def test_a_date_is_seconds_and_calendar_parts(tmp_path: Path) -> None:
    day = pd.Series(pd.date_range("2019-03-01", periods=600, freq="D"))
    sales = (day.dt.dayofweek == 5) * 10.0 + np.sin(np.arange(600))
    contest = write_contest(
        tmp_path, pd.DataFrame({"day": day, "sales": sales}), ["sales"], "regression", "columns: {dates: [day]}\n"
    )
    folds = split(contest, 2)
    learner, shelves = trained(contest, folds, **QUICK)
    assert np.corrcoef(oof(contest, folds, learner, shelves)[:, 0], contest.y)[0, 1] > 0.95
    learner.summarise(shelves, tmp_path)
    assert pd.read_csv(tmp_path / "importance.csv")["feature"][0] == "day.day_of_week"


@pytest.mark.parametrize("params", [{"boosting": "dart"}, {"boosting": "rf"}, {"data_sample_strategy": "goss"}])
def test_other_kinds_of_boosting(binary: Contest, params: dict[str, str]) -> None:
    folds = split(binary, 2)
    stops = {} if params == {"boosting": "dart"} else {"early_stopping": 5}
    learner, shelves = trained(binary, folds, "-".join(params.values()), rounds=30, params=params, **stops)
    assert binary.metric.score(binary.y, oof(binary, folds, learner, shelves)) > 0.93
    if params == {"boosting": "dart"}:
        assert (shelves[0].done or {})["rounds"] == [30]


@pytest.mark.skipif(not TITANIC.exists(), reason="OUTFOLD_TEST_DATA has no titanic")
def test_titanic_with_its_text_and_missing_values(tmp_path: Path) -> None:
    (tmp_path / "competition").mkdir()
    (tmp_path / "inputs").symlink_to(TITANIC)
    (tmp_path / "competition" / "competition.yaml").write_text(
        "host: folder\nslug: titanic\nid: PassengerId\ntarget: Survived\nmetric: auc\n"
        "sample_submission: gender_submission.csv\ntest: test.csv\ncolumns: {categorical: [Sex, Embarked, Cabin]}\n"
    )
    contest = load_contest(tmp_path)
    folds = split(contest, 5)
    learner, shelves = trained(contest, folds, **QUICK)
    assert contest.metric.score(contest.y, oof(contest, folds, learner, shelves)) > 0.85
    assert len(learner.predict("test", contest.test.index, shelves)) == 5 * len(contest.test)


# trust


def models(shelf: Shelf) -> list[bytes]:
    return [path.read_bytes() for path in sorted(shelf.folder.glob("*")) if path.name.startswith(("model", "fitted"))]


@pytest.mark.parametrize("refit", [True, False])
def test_the_rows_that_score_change_nothing_about_the_model(tmp_path: Path, refit: bool) -> None:
    table = cancer().assign(stage=lambda frame: pd.cut(frame["mean_radius"], 5, labels=list("abcde")).astype(str))
    contest = write_contest(tmp_path / "a", table, ["target"], "binary")
    folds = split(contest)
    train, valid = folds.train(0), folds.valid(0)
    shelf = Shelf.open(tmp_path / "as-it-is", "a")
    learner_of(contest, refit=refit, **QUICK).fit(0, train, valid, shelf)

    contest = scrambled(contest, valid, gap="mean_texture", unseen="stage")
    other = Shelf.open(tmp_path / "scrambled", "a")
    learner_of(contest, refit=refit, **QUICK).fit(0, train, valid[::-1], other)
    assert models(shelf) == models(other)


def test_the_number_of_rounds_is_chosen_by_an_inner_split_and_refit_takes_all_rows(binary: Contest) -> None:
    folds = split(binary)
    _, refitted = trained(binary, folds, "refitted", rounds=500, early_stopping=10)
    _, inner = trained(binary, folds, "inner", rounds=500, early_stopping=10, refit=False)
    for fold in folds.numbers():
        rounds = (refitted[fold].done or {})["rounds"]
        assert rounds == (inner[fold].done or {})["rounds"]
        assert 0 < rounds[0] < 500
        counts = [leaf_rows(shelf) for shelf in (refitted[fold], inner[fold])]
        assert counts[1] == pytest.approx(0.8 * counts[0], rel=0.02)


def leaf_rows(shelf: Shelf) -> int:
    """How many rows the first tree was grown from."""
    booster = load_lightgbm().Booster(model_str=shelf.path("model.txt").read_text())
    return int(booster.dump_model()["tree_info"][0]["tree_structure"]["internal_count"])


def test_without_early_stopping_all_rounds_are_taken(binary: Contest) -> None:
    _, shelves = trained(binary, split(binary, 2), "all-rounds", rounds=7, early_stopping=0)
    assert [(shelf.done or {})["rounds"] for shelf in shelves.values()] == [[7], [7]]


def test_the_inner_split_tears_no_group_apart(tmp_path: Path) -> None:
    table = cancer().assign(patient=lambda frame: np.arange(len(frame)) // 5)
    contest = write_contest(tmp_path, table, ["target"], "binary", "columns: {group: patient}\n")
    learn, choose = inner_places(contest, contest.train.index, fraction=0.3, seed=0)
    groups = contest.train["patient"].to_numpy()
    assert not set(groups[learn]) & set(groups[choose])
    assert len(choose) / len(contest.train) == pytest.approx(0.3, abs=0.05)


def test_in_a_time_series_the_latest_rows_choose(tmp_path: Path) -> None:
    days = pd.date_range("2020-01-01", periods=569).strftime("%Y-%m-%d")
    table = cancer().assign(day=np.random.default_rng(0).permutation(days))
    more = "columns: {dates: [day]}\nfolds: {kind: time_series, n: 3, date: day}\n"
    contest = write_contest(tmp_path, table, ["target"], "binary", more)
    learn, choose = inner_places(contest, contest.train.index, fraction=0.2, seed=0)
    day = contest.train["day"].to_numpy()
    assert day[learn].max() < day[choose].min()


def test_a_second_run_gives_the_same_bytes(binary: Contest) -> None:
    folds = split(binary, 2)
    first = oof(binary, folds, *trained(binary, folds, "first", **QUICK))
    again = oof(binary, folds, *trained(binary, folds, "again", **QUICK))
    assert first.tobytes() == again.tobytes()


def test_the_number_of_threads_changes_nothing(binary: Contest) -> None:
    folds = split(binary, 2)
    one, two = (
        oof(
            binary,
            folds,
            *trained(binary, folds, f"{n}-threads", rounds=4, early_stopping=0, params={"num_threads": n}),
        )
        for n in (1, 2)
    )
    assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("file", ["model.txt", "fitted.json"])
def test_a_fold_killed_at_a_write_is_not_done_and_trains_to_the_same_models(
    binary: Contest, tmp_path: Path, file: str
) -> None:
    folds = split(binary, 2)
    _, whole = trained(binary, folds, f"whole-{file}", **QUICK)

    class Killed(Shelf):
        def put(self, name: str, data: bytes) -> None:
            if name == file:
                raise KeyboardInterrupt
            super().put(name, data)

    dying = Killed.open(tmp_path / "fold", "made of this")
    with pytest.raises(KeyboardInterrupt):
        learner_of(binary, **QUICK).fit(0, folds.train(0), folds.valid(0), dying)
    assert dying.done is None
    shelf = Shelf.open(tmp_path / "fold", "made of this")
    learner_of(binary, **QUICK).fit(0, folds.train(0), folds.valid(0), shelf)
    assert models(shelf) == models(whole[0])


# what a user sets


def test_an_alias_is_lightgbms_own_name(binary: Contest) -> None:
    folds = split(binary, 2)
    ways = [
        {"params": {"eta": 0.3, "max_leaf": 4, "colsample_bytree": 0.5}},
        {"params": {"learning_rate": 0.3, "num_leaves": 4, "feature_fraction": 0.5}},
        {},
    ]
    one, same, default = (
        oof(binary, folds, *trained(binary, folds, f"way-{n}", rounds=20, early_stopping=0, **keys))
        for n, keys in enumerate(ways)
    )
    assert one.tobytes() == same.tobytes() != default.tobytes()


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"params": {"learning_rat": 0.1}}, r"lightgbm\.yaml: params\.learning_rat: .* did you mean learning_rate"),
        ({"params": {"eta": 0.1, "learning_rate": 0.2}}, "another name for learning_rate"),
        ({"params": {"n_estimators": 10}}, "own key `rounds`"),
        ({"params": {"categorical_feature": "0"}}, r"columns\.categorical"),
        ({"params": {"objective": "regression"}}, "does not fit a binary task; one of binary"),
        ({"params": {"num_class": 3}}, "num_class"),
        ({"params": {"num_leaves": {"most": 3}}}, r"params\.num_leaves: expected a number, a word or a list"),
        ({"params": {"metric": "none"}}, "leaves nothing to choose"),
        ({"params": {"scale_pos_weight": 3}, "class_weight": "balanced"}, "balance twice"),
        ({"features": ["mean_radios"]}, "no such column 'mean_radios'; did you mean mean_radius"),
    ],
)
def test_a_mistake_in_the_pipeline_is_told_before_training(binary: Contest, keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        learner_of(binary, **keys)


@pytest.mark.parametrize("params", [{"num_leaves": 1}, {"num_leaves": "many"}, {"metric": "no_such_metric"}])
def test_a_value_that_lightgbm_refuses_is_a_users_mistake(binary: Contest, params: dict[str, Any]) -> None:
    folds = split(binary, 2)
    shelf = Shelf.open(binary.layout.fold("refused", 0), "x")
    with pytest.raises(ConfigError, match=r"lightgbm\.yaml: .*(num_leaves|metric)"):
        learner_of(binary, params=params).fit(0, folds.train(0), folds.valid(0), shelf)


def test_features_are_those_asked_for(binary: Contest) -> None:
    folds = split(binary, 2)
    learner, shelves = trained(binary, folds, "two", features=["worst_area", "mean_texture"], **QUICK)
    learner.summarise(shelves, binary.layout.pipeline("two"))
    table = pd.read_csv(binary.layout.pipeline("two") / "importance.csv")
    assert set(table["feature"]) == {"worst_area", "mean_texture"}


def test_balanced_weights_raise_the_rare_class(tmp_path: Path) -> None:
    table = cancer()
    table = pd.concat([table[table["target"] == 1], table[table["target"] == 0].iloc[::8]]).sample(
        frac=1, random_state=0
    )
    contest = write_contest(tmp_path, table, ["target"], "binary")
    folds, keys = split(contest, 2), {"rounds": 15, "early_stopping": 0}
    plain = oof(contest, folds, *trained(contest, folds, **keys))
    even = oof(contest, folds, *trained(contest, folds, class_weight="balanced", **keys))
    assert plain.mean() == pytest.approx(contest.y.mean(), abs=0.05)
    assert even.mean() < plain.mean() - 0.1


def test_a_regressions_objective_is_the_users(tmp_path: Path) -> None:
    contest = write_contest(tmp_path, datasets.load_diabetes(as_frame=True).frame, ["target"], "regression")
    folds = split(contest, 2)
    high = {"params": {"objective": "quantile", "alpha": 0.9}, "rounds": 60, "early_stopping": 0}
    values = oof(contest, folds, *trained(contest, folds, **high))
    assert 0.8 < (contest.y < values[:, 0]).mean() < 0.97


# what it leaves


def test_models_are_lightgbms_own_text_and_predict_as_the_learner_does(binary: Contest) -> None:
    folds = split(binary, 2)
    learner, shelves = trained(binary, folds, "text", **QUICK)
    booster = load_lightgbm().Booster(model_file=str(shelves[0].path("model.txt")))
    rows = binary.rows("test", binary.test.index)[booster.feature_name()]
    frame = learner.predict("test", binary.test.index, {0: shelves[0]})
    assert list(frame.columns) == ["id", "fold", "member", "target"]
    assert frame["target"].dtype == np.float32
    np.testing.assert_array_equal(frame["target"], booster.predict(rows.to_numpy()).astype(np.float32))


def test_the_shelf_says_members_rounds_and_seconds(binary: Contest) -> None:
    _, shelves = trained(binary, split(binary, 2), "facts", **QUICK)
    done = json.loads(shelves[0].path("done.json").read_text())
    assert done["members"] == ["gbdt"]
    assert len(done["rounds"]) == 1
    assert done["seconds"] > 0


def test_importance_is_a_table_and_a_picture(binary: Contest) -> None:
    learner, shelves = trained(binary, split(binary, 2), "seen", **QUICK)
    folder = binary.layout.pipeline("seen")
    learner.summarise(shelves, folder)
    table = pd.read_csv(folder / "importance.csv")
    assert list(table.columns) == ["feature", "gain_mean", "gain_std", "splits"]
    assert table["gain_mean"].is_monotonic_decreasing
    assert table["gain_mean"].sum() == pytest.approx(1, abs=1e-4)
    assert set(table["feature"]) == set(binary.roles.continuous)
    assert (folder / "importance.png").read_bytes().startswith(b"\x89PNG")


def test_progress_shows_rounds_and_the_inner_metric(binary: Contest) -> None:
    told: list[tuple[str, dict[str, Any]]] = []

    class Watching(Reporter):
        def bar(self, label: str, total: float | None, unit: str = "it") -> Any:
            told.append((label, {"total": total}))
            return super().bar(label, total, unit)

    folds = split(binary, 2)
    learner = GbdtLearner(binary, configured(**QUICK), "lightgbm", Watching())
    shelf = Shelf.open(binary.layout.fold("progress", 0), "x")
    learner.fit(0, folds.train(0), folds.valid(0), shelf)
    assert told == [
        ("lightgbm fold 0: choosing rounds", {"total": 60}),
        ("lightgbm fold 0", {"total": (shelf.done or {})["rounds"][0]}),
    ]
