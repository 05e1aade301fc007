"""LightGBM, XGBoost and CatBoost behind the same keys."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from booster_contest import QUICK, cancer, configured, learner_of, oof, split, trained, write_contest
from ear import Ear
from scipy.optimize import minimize_scalar
from scipy.special import huber
from sklearn import datasets

from outfold.contest import Contest
from outfold.errors import ConfigError
from outfold.learners.explain.shap_values import sample_of
from outfold.learners.gbdt.learner import GbdtLearner
from outfold.learners.gbdt.matrix import Rows, needs_double
from outfold.learners.gbdt.params import SHARED
from outfold.progress import Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.store.fold_dir import Shelf

LIBRARIES = ("lightgbm", "xgboost", "catboost")
each_library = pytest.mark.parametrize("library", LIBRARIES)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables this small are slower with more."""
    monkeypatch.setenv("OUTFOLD_THREADS", "1")


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contest]:
    yield write_contest(tmp_path_factory.mktemp("cancer"), cancer(), ["target"], "binary")


def waves(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """A target that falls and rises with ``x``, and depends on the shop."""
    draw = np.random.default_rng(seed)
    x, shop = draw.uniform(-3, 3, n), draw.choice(list("abcdefgh"), n)
    level = pd.Series(shop).map(dict(zip("abcdefgh", (0, 9, 1, 8, 2, 7, 3, 6), strict=True))).to_numpy()
    return pd.DataFrame({"x": x, "shop": shop, "y": 20 + level + x + 2 * np.sin(2 * x) + draw.normal(0, 0.3, n)})


def wavy(root: Path, table: pd.DataFrame, more: str = "columns: {categorical: [shop]}\n") -> Contest:
    return write_contest(root, table, ["y"], "regression", more)


def fitted(contest: Contest, folder: Path, ids: pd.Index | None = None, **keys: Any) -> tuple[GbdtLearner, Shelf]:
    """One fold, of these training rows."""
    learner, shelf = learner_of(contest, **keys), Shelf.open(folder, "made of this")
    ids = contest.train.index if ids is None else ids
    learner.fit(0, ids, contest.train.index[:0], shelf)
    return learner, shelf


def said(learner: GbdtLearner, shelf: Shelf, part: Any = "test") -> np.ndarray:
    contest = learner.contest
    frame = learner.predict(part, (contest.test if part == "test" else contest.train).index, {0: shelf})
    return frame[contest.outputs].to_numpy()


def with_hooks(contest: Contest, text: str) -> Contest:
    contest.hooks.path.write_text(text)
    return contest


# every task


@each_library
def test_binary(binary: Contest, library: str) -> None:
    folds = split(binary, 2)
    values = oof(binary, folds, *trained(binary, folds, f"binary-{library}", library=library, **QUICK))
    assert binary.metric.score(binary.y, values) > 0.975


@each_library
def test_multiclass_probabilities_are_right_and_sum_to_one(tmp_path: Path, library: str) -> None:
    contest = write_contest(tmp_path, datasets.load_wine(as_frame=True).frame, ["target"], "multiclass")
    folds = split(contest, 2)
    values = oof(contest, folds, *trained(contest, folds, library=library, **QUICK))
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)
    assert (values.argmax(axis=1) == contest.y).mean() > 0.9


@each_library
def test_ordered_classes_are_asked_in_steps(tmp_path: Path, library: str) -> None:
    table = cancer()
    table["grade"] = pd.qcut(table["mean_area"], 3, labels=["low", "mid", "high"]).astype(str)
    table = table.drop(columns=["target", "mean_area", "mean_radius", "mean_perimeter"])
    (tmp_path / "inputs").mkdir()
    more = "order: [low, mid, high]\n"
    contest = write_contest(tmp_path / "graded", table, ["grade"], "ordinal", more)
    learner, shelf = fitted(contest, tmp_path / "fold", library=library, **QUICK)
    values = said(learner, shelf, "train")
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)
    assert (values.argmax(axis=1) == contest.y).mean() > 0.9


@each_library
def test_a_label_that_training_rows_do_not_have_does_no_harm(tmp_path: Path, library: str) -> None:
    table = cancer().assign(large=lambda t: (t["mean_area"] > 500).astype(int), never=0)
    table.loc[[0, 4], "never"] = [1, 0]
    contest = write_contest(tmp_path, table, ["large", "never"], "multilabel")
    ids = contest.train.index[contest.y[:, 1] == 0]
    learner, shelf = fitted(contest, tmp_path / "fold", ids, library=library, class_weight="balanced", **QUICK)
    values = said(learner, shelf, "train")
    assert ((values[:, 0] > 0.5) == contest.y[:, 0]).mean() > 0.98
    assert values[:, 1].max() < 0.2


@each_library
def test_a_class_that_is_missing_from_a_training_part_gets_next_to_nothing(tmp_path: Path, library: str) -> None:
    contest = write_contest(tmp_path, datasets.load_iris(as_frame=True).frame, ["target"], "multiclass")
    ids = contest.train.index[contest.y != 1]
    values = said(*fitted(contest, tmp_path / "fold", ids, library=library, **QUICK), "train")
    assert values[:, 1].max() < 1e-3


@each_library
def test_a_target_and_features_that_never_change_do_no_harm(tmp_path: Path, library: str) -> None:
    table = waves(120).assign(same=1.0, empty=np.nan, y=3.5)
    values = said(*fitted(wavy(tmp_path, table), tmp_path / "fold", library=library, **QUICK))
    np.testing.assert_allclose(values, 3.5, atol=1e-3)


@each_library
def test_pseudo_labels_weigh_what_they_are_sure_of(tmp_path: Path, library: str) -> None:
    table = cancer()
    contest = write_contest(tmp_path, table, ["target"], "binary")
    few = contest.train.index[::12]
    truth = table.set_index(np.arange(100, 100 + len(table)))["target"].loc[contest.test.index]
    labels = PseudoLabels(contest.test.index, truth.to_numpy(np.float32)[:, None], 1.0, 0.9)
    keys: dict[str, Any] = {"library": library, "rounds": 40, "early_stopping": 0}
    alone, shelf = fitted(contest, tmp_path / "alone", few, **keys)
    taught, other = learner_of(contest, **keys), Shelf.open(tmp_path / "taught", "x")
    taught.fit(0, few, contest.train.index[:0], other, labels)
    scores = [contest.metric.score(contest.y, said(*pair, "train")) for pair in ((alone, shelf), (taught, other))]
    assert scores[1] > scores[0]
    assert (other.done or {})["pseudo"] == len(contest.test)


# categories


@each_library
def test_categories_are_told_apart_and_unknown_ones_move_nothing_else(tmp_path: Path, library: str) -> None:
    contest = wavy(tmp_path, waves())
    learner, shelf = fitted(contest, tmp_path / "fold", library=library, rounds=200, early_stopping=0)
    known = said(learner, shelf)[:, 0]
    truth = waves().iloc[3::4]["y"].to_numpy()
    assert np.corrcoef(known, truth)[0, 1] > 0.95
    rows = contest.test.copy()
    rows["shop"] = rows["shop"].astype(object)
    rows.iloc[0, rows.columns.get_loc("shop")] = "Aardvark"  # before all others in any order
    rows.iloc[1, rows.columns.get_loc("shop")] = None
    odd = said(GbdtLearner(dataclasses.replace(contest, test=rows), learner.config, "x", Reporter()), shelf)[:, 0]
    assert np.isfinite(odd).all()
    np.testing.assert_array_equal(odd[2:], known[2:])


@each_library
def test_missing_categories_of_training_rows_are_learnt_from(tmp_path: Path, library: str) -> None:
    table = waves()
    table.loc[table["shop"].isin(["b", "d"]), "shop"] = None  # the two dearest shops are those without a name
    learner, shelf = fitted(wavy(tmp_path, table), tmp_path / "fold", library=library, rounds=200, early_stopping=0)
    values, rows = said(learner, shelf)[:, 0], learner.contest.test
    assert values[rows["shop"].isna()].mean() > values[rows["shop"].notna()].mean() + 3


# trust


def files(shelf: Shelf) -> list[bytes]:
    return [path.read_bytes() for path in sorted(shelf.folder.glob("*")) if path.name.startswith(("model", "fitted"))]


@each_library
@pytest.mark.parametrize("refit", [True, False])
def test_the_rows_that_score_change_nothing_and_a_second_run_gives_the_same_bytes(
    tmp_path: Path, library: str, refit: bool
) -> None:
    contest = wavy(tmp_path / "a", waves())
    folds = split(contest)
    train, valid = folds.train(0), folds.valid(0)
    keys: dict[str, Any] = {"library": library, "refit": refit, "stop_by": "contest", **QUICK}
    shelf = Shelf.open(tmp_path / "as-it-is", "a")
    learner_of(contest, **keys).fit(0, train, valid, shelf)
    rows, y = contest.train.copy(deep=True), contest.y.copy()
    scoring = contest.train.index.isin(valid)
    rows.loc[scoring, "x"] = np.nan
    rows.loc[scoring, "shop"] = "never seen before"
    y[scoring] = -1000
    other = Shelf.open(tmp_path / "scrambled", "a")
    learner_of(dataclasses.replace(contest, train=rows, y=y), **keys).fit(0, train, valid, other)
    assert files(shelf) == files(other)


class Spying:
    """A library that remembers what it was asked to choose the rounds by."""

    def __init__(self, library: Any) -> None:
        self.library, self.seen = library, list[tuple[Rows, Rows]]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.library, name)

    def stop_early(self, learn: Rows, choose: Rows, *more: Any) -> Any:
        self.seen.append((learn, choose))
        return self.library.stop_early(learn, choose, *more)


def inner_rows(contest: Contest, folder: Path, **keys: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    learner = learner_of(contest, **keys, **QUICK)
    learner._library = spy = Spying(learner._library)
    learner.fit(0, contest.train.index, contest.train.index[:0], Shelf.open(folder, "x"))
    learn, choose = (pd.DataFrame(rows.features, columns=rows.names) for rows in spy.seen[0])
    return learn, choose


@each_library
def test_rounds_are_chosen_by_whole_groups(tmp_path: Path, library: str) -> None:
    table = waves().assign(party=np.arange(400) // 5)
    contest = wavy(tmp_path, table, "columns: {categorical: [shop], group: party, continuous: [x, party]}\n")
    learn, choose = inner_rows(contest, tmp_path / "fold", library=library, inner_fraction=0.3)
    assert not set(learn["party"]) & set(choose["party"])
    assert len(choose) / len(contest.train) == pytest.approx(0.3, abs=0.05)


@each_library
def test_rounds_are_chosen_by_the_latest_rows(tmp_path: Path, library: str) -> None:
    days = pd.date_range("2020-01-01", periods=400)
    table = waves().assign(day=np.random.default_rng(0).permutation(days))
    more = "columns: {categorical: [shop], dates: [day]}\nfolds: {kind: time_series, n: 3, date: day}\n"
    learn, choose = inner_rows(wavy(tmp_path, table, more), tmp_path / "fold", library=library)
    assert learn["day.seconds"].max() < choose["day.seconds"].min()


# parameters


@each_library
def test_shared_names_are_understood_and_do_something(tmp_path: Path, library: str) -> None:
    contest = wavy(tmp_path, waves(), "columns: {ignore: [shop]}\n")
    values = {"learning_rate": 0.3, "max_depth": 2, "num_leaves": 3, "lambda_l2": 50.0, "feature_fraction": 1.0}
    values |= {"bagging_fraction": 0.5, "max_bin": 8}
    assert set(values) == set(SHARED)
    keys: dict[str, Any] = {"library": library, "rounds": 10, "early_stopping": 0}
    plain = said(*fitted(contest, tmp_path / "plain", **keys))
    for name, value in values.items():
        other = said(*fitted(contest, tmp_path / name, params={name: value}, **keys))
        if name != "feature_fraction":  # there is one feature
            assert not np.array_equal(plain, other), name


@each_library
def test_num_leaves_bounds_the_leaves_of_a_tree(tmp_path: Path, library: str) -> None:
    keys: dict[str, Any] = {"library": library, "rounds": 4, "early_stopping": 0, "params": {"num_leaves": 5}}
    learner, shelf = fitted(wavy(tmp_path, waves()), tmp_path / "fold", **keys)
    (path,) = shelf.folder.glob("model.*")
    assert learner._library.load(path.read_bytes()).leaves() == 4 * 5


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (
            {"library": "xgboost", "params": {"min_child_wait": 1}},
            r"XGBoost has no such parameter; did you mean min_ch",
        ),
        ({"library": "xgboost", "params": {"reg_lambda": 1, "lambda_l2": 1}}, "another name for lambda"),
        ({"library": "xgboost", "params": {"n_estimators": 10}}, "own key `rounds`"),
        ({"library": "xgboost", "params": {"objective": "multi:softprob"}}, "does not fit a binary task"),
        ({"library": "xgboost", "params": {"booster": "gblinear"}}, "expected gbtree or dart"),
        ({"library": "xgboost", "params": {"scale_pos_weight": 3}, "class_weight": "balanced"}, "balance twice"),
        ({"library": "catboost", "params": {"dept": 3}}, r"CatBoost has no such parameter; did you mean dep"),
        ({"library": "catboost", "params": {"iterations": 3}}, "own key `rounds`"),
        ({"library": "catboost", "params": {"cat_features": [1]}}, r"columns\.categorical"),
        ({"library": "catboost", "params": {"max_depth": 20}}, "1 to 16 deep"),
        ({"library": "catboost", "params": {"auto_class_weights": "Balanced"}, "class_weight": "balanced"}, "twice"),
        ({"params": {"device": "cuda"}}, "own key `device`"),
        ({"params": {"monotone_constraints": [1]}}, "own key `monotone`"),
        ({"monotone": {"mean_radios": "increasing"}}, r"monotone: no such feature 'mean_radios'; did you mean mean_ra"),
        ({"objective": "hooks.py:nothing"}, "nothing"),
        ({"stop_by": "auc", "params": {"metric": "auc"}}, "both name a metric"),
    ],
)
def test_a_mistake_is_told_before_training(binary: Contest, keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        learner_of(binary, **keys)


@pytest.mark.parametrize(
    ("library", "params"),
    [
        ("xgboost", {"max_depth": "many"}),
        ("xgboost", {"subsample": 7}),
        ("catboost", {"bootstrap_type": "Nonsense"}),
        ("catboost", {"depth": 4, "min_data_in_leaf": 5, "grow_policy": "Sideways"}),
    ],
)
def test_a_value_that_the_library_refuses_is_a_users_mistake(
    binary: Contest, tmp_path: Path, library: str, params: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match=r"lightgbm\.yaml: (XGBoost|CatBoost) refuses: .+"):
        fitted(binary, tmp_path, library=library, params=params)


@each_library
def test_an_unknown_metric_is_a_users_mistake(binary: Contest, tmp_path: Path, library: str) -> None:
    with pytest.raises(ConfigError, match=r"metric|refuses"):
        fitted(binary, tmp_path, library=library, stop_by="no_such_metric")


@pytest.mark.parametrize("library", ["xgboost", "catboost"])
def test_a_library_that_is_not_installed_is_named_with_its_remedy(
    binary: Contest, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        ConfigError, match=rf"lightgbm\.yaml: library: {library}: .* is not installed here\s.*outfold\[boosters\]"
    ):
        learner_of(binary, library=library)


@pytest.mark.parametrize("library", ["xgboost", "catboost"])
def test_a_gpu_that_is_not_there_is_told_at_once(binary: Contest, library: str) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match="device: cuda"):
        learner_of(binary, library=library, device="cuda")
    assert learner_of(binary, library=library, device="auto")._library.settings.device == "cpu"


def test_lightgbm_says_that_its_wheel_has_no_gpu(binary: Contest, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CUDA"):
        fitted(binary, tmp_path, device="cuda", rounds=2, early_stopping=0)


# what a feature may do


@each_library
def test_a_monotone_feature_is_followed_one_way_only(tmp_path: Path, library: str) -> None:
    table = waves()
    contest = wavy(tmp_path, table, "columns: {categorical: [shop]}\n")
    grid = contest.test.assign(x=np.linspace(-3, 3, len(contest.test)), shop="c")
    contest = dataclasses.replace(contest, test=grid)
    keys: dict[str, Any] = {"library": library, "rounds": 100, "early_stopping": 0}
    free = np.diff(said(*fitted(contest, tmp_path / "free", **keys))[:, 0])
    up = np.diff(said(*fitted(contest, tmp_path / "up", monotone={"x": "increasing"}, **keys))[:, 0])
    down = np.diff(said(*fitted(contest, tmp_path / "down", monotone={"x": "decreasing"}, **keys))[:, 0])
    assert free.min() < -0.05 and free.max() > 0.05
    assert up.min() >= -1e-5 and up.max() > 0.05
    assert down.max() <= 1e-5


def test_categories_and_classes_have_no_direction(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="shop: categories have no order"):
        learner_of(wavy(tmp_path / "a", waves()), monotone={"shop": "increasing"})
    wine = write_contest(tmp_path / "b", datasets.load_wine(as_frame=True).frame, ["target"], "multiclass")
    with pytest.raises(ConfigError, match="for a multiclass task"):
        learner_of(wine, monotone={"alcohol": "increasing"})


# objectives and metrics of the user's own

HOOKS = """
import numpy as np

def rmspe(y, raw):
    return (raw - y) / y**2, 1 / y**2

def log_loss(y, raw):
    p = 1 / (1 + np.exp(-raw))
    return p - y, p * (1 - p)

def softmax(y, raw):
    p = np.exp(raw - raw.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p - np.eye(raw.shape[1])[y], 2 * p * (1 - p)

def poisson(y, raw):
    return np.exp(raw) - y, np.exp(raw)
poisson.transform = np.exp

def wrong(y, raw):
    return raw[:-1], raw

def worst(y, predicted):
    return float(np.abs(y - predicted).max())
worst.greater_is_better = False
"""


def prices(n: int = 500) -> pd.DataFrame:
    """Targets from 1 to 1000, about which small ones say most of a percentage error."""
    draw = np.random.default_rng(1)
    x = draw.uniform(0, 3, n)
    return pd.DataFrame({"x": x, "z": draw.normal(size=n), "y": 10**x * draw.lognormal(0, 0.5, n)})


@each_library
def test_an_objective_of_ones_own_lowers_its_own_loss(tmp_path: Path, library: str) -> None:
    contest = write_contest(tmp_path, prices(), ["y"], "regression", "metric: rmspe\n")
    with_hooks(contest, HOOKS)
    folds = split(contest, 2)
    keys: dict[str, Any] = {"library": library, "rounds": 80, "early_stopping": 0, "params": {"learning_rate": 0.1}}
    plain = oof(contest, folds, *trained(contest, folds, "plain", **keys))
    own = oof(contest, folds, *trained(contest, folds, "own", objective="hooks.py:rmspe", **keys))
    assert contest.metric.score(contest.y, own) < 0.8 * contest.metric.score(contest.y, plain)


@each_library
def test_boosting_begins_at_the_constant_of_the_least_loss(tmp_path: Path, library: str) -> None:
    contest = write_contest(tmp_path, prices(), ["y"], "regression")
    with_hooks(contest, HOOKS)
    keys: dict[str, Any] = {"library": library, "rounds": 1, "early_stopping": 0, "params": {"learning_rate": 1e-6}}
    y = contest.y
    best = {"rmspe": np.sum(1 / y) / np.sum(1 / y**2), "poisson": y.mean()}
    for name, value in best.items():
        values = said(*fitted(contest, tmp_path / name, objective=f"hooks.py:{name}", **keys))
        np.testing.assert_allclose(values, value, rtol=1e-3)


@each_library
def test_log_loss_by_hand_is_the_librarys_own(binary: Contest, tmp_path: Path, library: str) -> None:
    with_hooks(binary, HOOKS)
    params: dict[str, Any] = {"learning_rate": 0.1}
    if library == "catboost":
        params |= {"leaf_estimation_iterations": 1, "leaf_estimation_method": "Newton", "boost_from_average": False}
    keys: dict[str, Any] = {"library": library, "rounds": 30, "early_stopping": 0, "params": params}
    own = said(*fitted(binary, tmp_path / "own", objective="hooks.py:log_loss", **keys))
    plain = said(*fitted(binary, tmp_path / "plain", **keys))
    assert np.corrcoef(own[:, 0], plain[:, 0])[0, 1] > 0.99
    assert np.abs(own - plain).mean() < 0.03


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_an_objective_of_classes_has_a_raw_score_each(tmp_path: Path, library: str) -> None:
    contest = write_contest(tmp_path, datasets.load_wine(as_frame=True).frame, ["target"], "multiclass")
    with_hooks(contest, HOOKS)
    folds = split(contest, 2)
    keys = {"library": library, "objective": "hooks.py:softmax", "class_weight": "balanced", **QUICK}
    values = oof(contest, folds, *trained(contest, folds, **keys))
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)
    assert (values.argmax(axis=1) == contest.y).mean() > 0.9


def test_an_objective_that_returns_something_else_is_told(binary: Contest, tmp_path: Path) -> None:
    with_hooks(binary, HOOKS)
    with pytest.raises(ConfigError, match=r"hooks\.py: wrong: returned a gradient of shape"):
        fitted(binary, tmp_path, objective="hooks.py:wrong")
    with pytest.raises(ConfigError, match="raw scores of an objective of your own"):
        learner_of(binary, objective="hooks.py:log_loss", stop_by="auc")


@each_library
def test_the_contests_metric_chooses_the_rounds(tmp_path: Path, library: str) -> None:
    table = datasets.load_diabetes(as_frame=True).frame
    same, worst = (write_contest(tmp_path / name, table, ["target"], "regression") for name in ("rmse", "worst"))
    worst = dataclasses.replace(worst, metric=with_hooks(worst, HOOKS).hooks.metric("worst", "regression"))
    with_hooks(same, HOOKS)
    rounds = {}
    for contest, stop_by in ((same, None), (same, "contest"), (worst, "contest"), (same, "hooks.py:worst")):
        name = contest.metric.name
        _, shelf = fitted(contest, tmp_path / f"{name}-{stop_by}", library=library, stop_by=stop_by, **QUICK)
        rounds[name, stop_by] = (shelf.done or {})["rounds"]
    assert rounds["rmse", None] == rounds["rmse", "contest"], "the library's own loss is this metric"
    assert rounds["worst", "contest"] == rounds["rmse", "hooks.py:worst"] != rounds["rmse", "contest"]


def test_a_metric_that_the_choosing_rows_do_not_define_is_told_and_the_loss_chooses(tmp_path: Path) -> None:
    table = cancer().assign(never=0)
    table.loc[[0, 4], "never"] = [1, 0]
    contest = write_contest(tmp_path, table, ["target", "never"], "multilabel", "metric: mean_columnwise_auc\n")
    ear = Ear()
    learner = GbdtLearner(contest, configured(stop_by="contest", **QUICK), "lightgbm", ear)
    ids = contest.train.index[contest.y[:, 1] == 0]
    learner.fit(0, ids, contest.train.index[:0], Shelf.open(tmp_path / "fold", "x"))
    (told,) = ear.warned
    assert "never" in told and "the loss chooses" in told


# members


@each_library
def test_each_seed_is_a_member_of_the_same_rounds(binary: Contest, tmp_path: Path, library: str) -> None:
    keys: dict[str, Any] = {"library": library, "seed": 5, **QUICK}
    keys["params"] = {"learning_rate": 0.15, "bagging_fraction": 0.6}
    learner, shelf = fitted(binary, tmp_path / "seeds", seeds=3, **keys)
    frame = learner.predict("test", binary.test.index, {0: shelf})
    values = frame.set_index(["id", "member"])["target"].unstack()
    assert list(values.columns) == ["seed-0", "seed-1", "seed-2"] == (shelf.done or {})["members"]
    assert len(set((shelf.done or {})["rounds"])) == 1
    assert values.corr().to_numpy().min() > 0.8
    assert not np.allclose(values["seed-0"], values["seed-1"])
    alone = said(*fitted(binary, tmp_path / "one", **keys))
    np.testing.assert_array_equal(values["seed-0"], alone[:, 0])


def test_lightgbm_bins_a_training_part_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lightgbm.basic import Dataset

    binned: list[tuple[int, int]] = []
    read = Dataset._Dataset__init_from_np2d  # type: ignore[attr-defined]

    def counted(self: Dataset, *, mat: np.ndarray, **more: Any) -> Dataset:
        binned.append(mat.shape)
        return read(self, mat=mat, **more)

    monkeypatch.setattr(Dataset, "_Dataset__init_from_np2d", counted)
    table = waves().assign(second=lambda rows: -rows["y"])
    contest = write_contest(tmp_path, table, ["y", "second"], "regression")
    train = contest.train.index
    _, shelf = fitted(contest, tmp_path / "fold", seeds=2, **QUICK)
    assert len((shelf.done or {})["rounds"]) == 4  # of two targets and two seeds, the rounds of each target chosen
    assert [rows for rows, _ in binned] == [len(train)]


@pytest.mark.parametrize(
    "params", [{"linear_tree": True}, {"max_bin": 15}, {"zero_as_missing": True}, {"force_col_wise": True}], ids=str
)
def test_bins_that_are_shared_are_those_that_the_parameters_ask_for(
    binary: Contest, tmp_path: Path, params: dict[str, Any]
) -> None:
    keys = {**QUICK, "params": {**QUICK["params"], **params}}
    plain, other = (said(*fitted(binary, tmp_path / name, seeds=2, **own)) for name, own in (("a", QUICK), ("b", keys)))
    assert np.isfinite(other).all() and np.corrcoef(plain[:, 0], other[:, 0])[0, 1] > 0.9
    same = "force_col_wise" in params  # another way to the same sums; they round otherwise
    assert np.allclose(plain, other, atol=1e-3) == same


def test_without_refit_each_seed_chooses_its_own_rounds(binary: Contest, tmp_path: Path) -> None:
    _, shelf = fitted(binary, tmp_path, seeds=3, refit=False, **QUICK)
    assert len(set((shelf.done or {})["rounds"])) > 1


# what it leaves


@each_library
def test_shap_values_sum_to_what_is_said_and_are_drawn(tmp_path: Path, library: str) -> None:
    contest = wavy(tmp_path, waves())
    folds = split(contest, 2)
    learner, shelves = trained(contest, folds, library=library, rounds=40, early_stopping=0)
    kept = learner._library.load(next(shelves[0].folder.glob("model.*")).read_bytes())
    rows = learner._matrices.apply(
        learner._matrices.of(shelves[0], json.loads(shelves[0].path("fitted.json").read_text())),
        "test",
        contest.test.index,
        0,
    )
    moved = kept.contributions(rows)
    assert moved.shape == (len(rows), 1, 2)
    base = kept.predict(rows)[:, 0] - moved[:, 0].sum(axis=1)
    np.testing.assert_allclose(base, base[0], atol=1e-3)
    learner.summarise(shelves, tmp_path)
    table = pd.read_csv(tmp_path / "shap.csv")
    assert list(table.columns) == ["feature", "shap_mean", "shap_std"]
    assert set(table["feature"]) == {"shop", "x"}
    assert table["shap_mean"].is_monotonic_decreasing
    assert (tmp_path / "shap.png").read_bytes().startswith(b"\x89PNG")
    importance = pd.read_csv(tmp_path / "importance.csv")
    assert set(importance["feature"]) == {"shop", "x"}
    assert ("splits" in importance) == (library != "catboost")


def test_shap_can_be_left_out_and_of_several_outputs_each_is_told(tmp_path: Path) -> None:
    contest = write_contest(tmp_path, datasets.load_wine(as_frame=True).frame, ["target"], "multiclass")
    keys: dict[str, Any] = {"rounds": 10, "early_stopping": 0}
    learner, shelf = fitted(contest, tmp_path / "fold", **keys)
    learner.summarise({0: shelf}, tmp_path)
    assert list(pd.read_csv(tmp_path / "shap.csv").columns)[3:] == ["0", "1", "2"]
    (tmp_path / "quiet").mkdir()
    learner_of(contest, shap=False, **keys).summarise({0: shelf}, tmp_path / "quiet")
    assert not (tmp_path / "quiet" / "shap.csv").exists()


def test_the_more_leaves_the_fewer_rows_are_explained() -> None:
    ids = pd.RangeIndex(10_000)
    assert [len(sample_of(ids, leaves, 0)) for leaves in (10, 100_000, 10**8)] == [500, 200, 0]
    assert sample_of(ids, 10, 0).is_monotonic_increasing


# numbers


@pytest.mark.parametrize(
    ("values", "double"),
    [
        ([0.1, 0.2, np.nan, 12.75], False),
        ([1.0, 2.0**24], False),
        ([1.0, 2.0**24 + 1], True),
        ([1.6e9, 1.6e9 + 1], True),
        (48.85 + np.arange(2000) * 1e-5, True),
        ([1e300, 2.5], True),
    ],
)
def test_float64_is_kept_where_float32_would_lose_something(values: Any, double: bool) -> None:
    assert needs_double(np.array(values, dtype=np.float64)) is double


def test_neighbours_beyond_the_reach_of_float32_are_told_apart(tmp_path: Path) -> None:
    code = 2**24 + np.arange(400)
    table = pd.DataFrame({"code": code, "y": (code % 2).astype(float)})
    keys: dict[str, Any] = {"rounds": 30, "early_stopping": 0}
    keys["params"] = {
        "learning_rate": 0.3,
        "max_bin": 500,
        "min_data_in_bin": 1,
        "min_data_in_leaf": 1,
        "num_leaves": 400,
    }
    learner, shelf = fitted(write_contest(tmp_path, table, ["y"], "regression"), tmp_path / "fold", **keys)
    assert np.corrcoef(said(learner, shelf, "train")[:, 0], learner.contest.y)[0, 1] > 0.95


def test_a_monotone_feature_may_be_one_that_a_function_makes(tmp_path: Path) -> None:
    contest = wavy(tmp_path / "a", waves())
    with_hooks(contest, "def doubled(train, rows):\n    return (2 * rows[['x']]).set_axis(['twice'], axis=1)\n")
    keys: dict[str, Any] = {"features": ["shop", {"function": "hooks.py:doubled"}], "rounds": 20, "early_stopping": 0}
    _, shelf = fitted(contest, tmp_path / "up", monotone={"twice": "increasing"}, **keys)
    text = shelf.path("model.txt").read_text()
    assert "monotone_constraints=1 0" in text
    with pytest.raises(ConfigError, match="no such feature 'thrice'"):
        fitted(contest, tmp_path / "none", monotone={"thrice": "increasing"}, **keys)


def test_a_catboost_whose_loss_has_overflown_can_be_read_back(tmp_path: Path) -> None:
    contest = write_contest(tmp_path, prices(), ["y"], "regression")
    keys: dict[str, Any] = {"rounds": 60, "early_stopping": 0, "params": {"objective": "Poisson"}}
    learner, shelf = fitted(contest, tmp_path / "fold", library="catboost", **keys)
    assert (said(learner, shelf) > 0).all()


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("task", "loss"), [("binary", None), ("multiclass", None), ("regression", "RMSE")])
def test_features_that_are_constant_in_training_give_the_constant_prediction(
    tmp_path: Path, library: str, task: str, loss: str | None
) -> None:
    draw = np.random.default_rng(0)
    y = {"binary": draw.integers(0, 4, 120) > 0, "multiclass": draw.integers(0, 3, 120)}.get(
        task, draw.normal(50, 9, 120)
    )
    flag = np.zeros(120)
    flag[0] = 1  # read as a column that differs, constant in the training part that lacks the row
    contest = write_contest(
        tmp_path, pd.DataFrame({"flag": flag, "y": np.asarray(y, float if loss else int)}), ["y"], task
    )
    ids = contest.train.index[1:]
    learner, shelf = fitted(contest, tmp_path / "fold", ids, library=library, rounds=300, early_stopping=10, shap=True)
    said = learner.predict("test", contest.test.index, {0: shelf})[contest.outputs].to_numpy()
    truth = contest.truth(ids)
    expected = np.bincount(truth) / len(truth) if task == "multiclass" else np.mean(truth)
    np.testing.assert_allclose(said, np.broadcast_to(expected, said.shape), rtol=0.02)
    learner.summarise({0: shelf}, tmp_path)


@pytest.mark.parametrize(
    "loss", ["MAE", "Quantile:alpha=0.8", "Poisson", "Huber:delta=5", "Tweedie:variance_power=1.5"]
)
def test_catboost_fits_the_constant_of_any_loss(tmp_path: Path, loss: str) -> None:
    y = np.random.default_rng(0).gamma(3.0, 10.0, 160)
    contest = write_contest(tmp_path, pd.DataFrame({"flag": np.arange(160) == 0, "y": y}), ["y"], "regression")
    ids = contest.train.index[1:]
    params = {"loss_function": loss}
    learner, shelf = fitted(
        contest, tmp_path / "fold", ids, library="catboost", early_stopping=0, rounds=5, params=params
    )
    said = learner.predict("test", contest.test.index, {0: shelf})["y"].to_numpy()
    truth = contest.truth(ids)
    expected = {"MAE": np.median(truth), "Quantile:alpha=0.8": np.quantile(truth, 0.8)}.get(loss, np.mean(truth))
    if loss.startswith("Huber"):
        expected = minimize_scalar(lambda c: huber(5, truth - c).sum(), bounds=(0, 100), method="bounded").x
    assert np.ptp(said) < 1e-6 * np.mean(said)
    np.testing.assert_allclose(said, expected, rtol=0.02)
