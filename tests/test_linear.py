"""The linear learner: every task on real data, chosen without the rows that score, the same on every run."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ear import Ear
from pydantic import TypeAdapter, ValidationError
from safetensors.numpy import load_file
from scrambled import scrambled
from sklearn import datasets
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge
from test_gbdt import cancer, oof, split, write_contest

from outfold import open as open_folder
from outfold.config.linear import LinearPipeline
from outfold.contest import Contest
from outfold.errors import ConfigError
from outfold.folds import Folds
from outfold.learners.inner_cv import inner_folds
from outfold.learners.linear.fit import Solver
from outfold.learners.linear.learner import LinearLearner
from outfold.learners.tables.pseudo_rows import TaughtRows, copies
from outfold.learners.tables.targets import Problem
from outfold.progress import Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.runs.context import Context
from outfold.stages.download import download
from outfold.stages.ensemble import ensemble
from outfold.stages.predict import predict
from outfold.stages.split import split as split_stage
from outfold.stages.train import train
from outfold.store.fold_dir import Shelf

STAGES = {"stage": lambda frame: pd.cut(frame["mean_radius"], 5, labels=list("abcde")).astype(str)}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTFOLD_THREADS", "1")


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    return write_contest(tmp_path_factory.mktemp("cancer"), cancer(), ["target"], "binary")


def learner_of(contest: Contest, reporter: Reporter | None = None, **keys: Any) -> LinearLearner:
    config = TypeAdapter(LinearPipeline).validate_python({"learner": "linear", **keys})
    return LinearLearner(contest, config, "linear", reporter or Reporter())


def trained(contest: Contest, folds: Folds, name: str = "linear", **keys: Any) -> tuple[Any, dict[int, Shelf]]:
    learner = learner_of(contest, **keys)
    shelves = {fold: Shelf.open(contest.layout.fold(name, fold), "made of this") for fold in folds.numbers()}
    for fold, shelf in shelves.items():
        learner.fit(fold, folds.train(fold), folds.valid(fold), shelf)
    return learner, shelves


def left(shelf: Shelf) -> list[bytes]:
    return [shelf.path(name).read_bytes() for name in ("fitted.json", "coefficients.safetensors")]


# what it is for


def test_with_no_parameters_it_is_a_strong_binary_model(binary: Contest) -> None:
    folds = split(binary)
    assert binary.metric.score(binary.y, oof(binary, folds, *trained(binary, folds))) > 0.99


def test_multiclass_probabilities_are_right_and_sum_to_one(tmp_path: Path) -> None:
    contest = write_contest(tmp_path, datasets.load_wine(as_frame=True).frame, ["target"], "multiclass")
    folds = split(contest)
    values = oof(contest, folds, *trained(contest, folds))
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)
    assert (values.argmax(axis=1) == contest.y).mean() > 0.95


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_a_regression_explains_what_it_can(tmp_path: Path, l1_ratio: float) -> None:
    contest = write_contest(tmp_path, datasets.load_diabetes(as_frame=True).frame, ["target"], "regression")
    folds = split(contest)
    values = oof(contest, folds, *trained(contest, folds, l1_ratio=l1_ratio))[:, 0]
    assert 1 - np.mean((values - contest.y) ** 2) / contest.y.var() > 0.43


def test_each_regression_target_has_a_penalty_and_coefficients_of_its_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(120, 30)), columns=[f"x{n}" for n in range(30)])
    table = table.assign(plain=1e6 + 1e3 * table["x0"], noise=rng.normal(size=120))
    contest = write_contest(tmp_path, table, ["plain", "noise"], "regression")
    folds = split(contest, 2)
    learner, shelves = trained(contest, folds)
    values = oof(contest, folds, learner, shelves)
    assert np.abs(values[:, 0] - contest.y[:, 0]).max() < 5
    plain, noise = (shelves[0].done or {})["strengths"]
    assert plain < noise, "noise is shrunk more"


def test_each_label_of_a_multilabel_task_has_a_model_and_a_constant_label_does_no_harm(tmp_path: Path) -> None:
    table = cancer()
    large = (table["mean_area"] > table["mean_area"].median()).astype(int)
    table = table.drop(columns=[name for name in table if "area" in name]).assign(large=large, never=0)
    table.loc[[0, 4], "never"] = [1, 0]  # one row in all: most training parts have none
    contest = write_contest(tmp_path, table, ["target", "large", "never"], "multilabel")
    folds = split(contest)
    values = oof(contest, folds, *trained(contest, folds, C=[0.01, 0.1]))
    assert ((values[:, :2] > 0.5) == contest.y[:, :2]).mean() > 0.94
    assert np.isfinite(values).all() and np.median(values[:, 2]) < 0.05


@pytest.mark.parametrize("away", [[1], [0, 2]])
def test_a_class_that_is_missing_from_a_training_part_gets_nothing(tmp_path: Path, away: list[int]) -> None:
    contest = write_contest(tmp_path, datasets.load_iris(as_frame=True).frame, ["target"], "multiclass")
    ids, learner = contest.train.index, learner_of(contest, C=1)
    there = ~np.isin(contest.y, away)
    shelf = Shelf.open(tmp_path / "fold", "made of this")
    learner.fit(0, ids[there], ids[~there], shelf)
    values = learner.predict("train", ids, {0: shelf})[contest.outputs].to_numpy()
    assert (values[:, away] == 0).all()
    assert (values.argmax(axis=1) == contest.y)[there].mean() > 0.97


# the estimators are scikit-learn's


def problem(kind: Any, y: np.ndarray, outputs: int = 1) -> Problem:
    return Problem(kind, y, outputs)


def test_the_coefficients_predict_as_scikit_learns_own_estimators_do() -> None:
    X, y = datasets.load_iris(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    solver = Solver(0.0, 1000, 0)
    wanted = LogisticRegression(C=0.3, max_iter=1000).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(solver.fit(X, problem("classes", y, 3), 0.3)[0].predict(X), wanted, atol=1e-9)
    wanted = LogisticRegression(C=0.3, max_iter=1000).fit(X, y == 1).predict_proba(X)[:, 1:]
    np.testing.assert_allclose(solver.fit(X, problem("binary", 1 * (y == 1)), 0.3)[0].predict(X), wanted, atol=1e-9)
    pair = X[y != 1], y[y != 1]
    wanted = LogisticRegression(C=0.3, max_iter=1000).fit(*pair).predict_proba(X)
    found = solver.fit(pair[0], problem("classes", pair[1], 3), 0.3)[0].predict(X)
    np.testing.assert_allclose(found[:, [0, 2]], wanted, atol=1e-9)


def test_alpha_is_that_of_elastic_net_whatever_the_share_of_l1_and_the_targets_unit() -> None:
    X, y = datasets.load_diabetes(return_X_y=True)
    X = X / X.std(axis=0)
    z = (y - y.mean()) / y.std()
    for ratio in (0.0, 0.3, 1.0):
        wanted = ElasticNet(alpha=0.05, l1_ratio=ratio, max_iter=20_000, tol=1e-9)
        wanted = wanted if ratio else Ridge(alpha=0.05 * len(y))
        found = Solver(ratio, 20_000, 0).fit(X, problem("number", y), 0.05)[0].predict(X)[:, 0]
        np.testing.assert_allclose((found - y.mean()) / y.std(), wanted.fit(X, z).predict(X), atol=1e-3)


def test_an_l1_penalty_leaves_columns_out(binary: Contest) -> None:
    folds = split(binary, 2)
    zeros = []
    for ratio in (0.0, 1.0):
        _, shelves = trained(binary, folds, f"l1-{ratio}", C=0.05, l1_ratio=ratio)
        zeros.append((load_file(shelves[0].path("coefficients.safetensors"))["0.coefficients"] == 0).sum())
    assert zeros[0] == 0 and zeros[1] > 15


# trust


@pytest.mark.parametrize("keys", [{}, {"encoding": "target"}, {"inner_folds": 1}], ids=["plain", "target", "one-split"])
def test_the_rows_that_score_change_nothing_about_the_model(tmp_path: Path, keys: dict[str, Any]) -> None:
    contest = write_contest(tmp_path / "a", cancer().assign(**STAGES), ["target"], "binary")
    keys = {"C": [0.01, 0.1, 1], "features": ["mean_texture", "worst_area", "stage"], **keys}
    folds = split(contest)
    train, valid = folds.train(0), folds.valid(0)
    shelf = Shelf.open(tmp_path / "as-it-is", "a")
    learner_of(contest, **keys).fit(0, train, valid, shelf)

    contest = scrambled(contest, valid, gap="mean_texture", unseen="stage")
    other = Shelf.open(tmp_path / "scrambled", "a")
    learner_of(contest, **keys).fit(0, train, valid[::-1], other)
    assert left(shelf) == left(other)


def noisy(tmp_path: Path, more: str = "", **columns: Any) -> Contest:
    """Fifty columns of noise beside one that tells a little."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.normal(size=(240, 50)), columns=[f"x{n}" for n in range(50)])
    table["target"] = (table["x0"] + rng.normal(size=240) > 0).astype(int)
    return write_contest(tmp_path, table.assign(**columns), ["target"], "binary", more)


@pytest.mark.parametrize("inner", [{"inner_folds": 1, "inner_fraction": 0.3}, {}], ids=["one-split", "folds"])
def test_the_penalty_is_the_one_that_does_best_on_rows_inside_the_training_part(
    tmp_path: Path, inner: dict[str, Any]
) -> None:
    contest = noisy(tmp_path)
    folds = split(contest)
    scores = {}
    for name, C in (("weak", 100), ("strong", 1e-6), ("several", [1e-6, 0.003, 100])):
        learner, shelves = trained(contest, folds, name, C=C, **(inner if isinstance(C, list) else {}))
        scores[name] = np.mean((oof(contest, folds, learner, shelves)[:, 0] - contest.y) ** 2)
    assert [(shelf.done or {})["strengths"] for shelf in shelves.values()] == [[0.003]] * 3
    assert scores["several"] < min(scores["weak"], scores["strong"])


def test_inner_folds_tear_no_group_apart_and_no_row_comes_before_those_it_is_told_by(tmp_path: Path) -> None:
    patients = np.arange(240) // 6
    contest = noisy(tmp_path / "a", "columns: {group: patient}\n", patient=patients)
    groups = contest.train["patient"].to_numpy()
    parts = inner_folds(contest, contest.train.index, n=4, seed=0)
    assert len(parts) == 4 and sorted(np.concatenate([choose for _, choose in parts])) == list(range(len(groups)))
    assert not any(set(groups[learn]) & set(groups[choose]) for learn, choose in parts)

    days = np.random.default_rng(0).permutation(pd.date_range("2020-01-01", periods=240).strftime("%Y-%m-%d"))
    more = "columns: {dates: [day]}\nfolds: {kind: time_series, n: 3, date: day}\n"
    contest = noisy(tmp_path / "b", more, day=days)
    day = contest.train["day"].to_numpy()
    for learn, choose in inner_folds(contest, contest.train.index, n=4, seed=0):
        assert day[learn].max() < day[choose].min()


def test_means_of_the_target_are_taken_from_other_rows_and_plain_ones_would_deceive(tmp_path: Path) -> None:
    """A category a row or two: a row's own mean tells its target, and nothing else."""
    street = np.random.default_rng(2).integers(0, 150, 240).astype(str)
    contest = noisy(tmp_path, "columns: {categorical: [street]}\n", street=street)
    folds = split(contest)
    learner, shelves = trained(contest, folds, encoding="target", smoothing=0, features=["x0", "street"])
    weights = load_file(shelves[0].path("coefficients.safetensors"))["0.coefficients"][0]
    assert json.loads(shelves[0].path("fitted.json").read_text())["features"] == ["x0", "street:mean"]
    assert abs(weights[1]) < 0.5 * abs(weights[0])
    assert contest.metric.score(contest.y, oof(contest, folds, learner, shelves)) > 0.7


@pytest.mark.parametrize("keys", [{"encoding": "target"}, {"l1_ratio": 0.5, "max_iter": 3}])
def test_a_second_run_gives_the_same_bytes(tmp_path: Path, keys: dict[str, Any]) -> None:
    contest = write_contest(tmp_path, cancer().assign(**STAGES), ["target"], "binary")
    folds = split(contest, 2)
    (_, one), (_, two) = (trained(contest, folds, name, C=[0.01, 0.1], **keys) for name in ("one", "two"))
    assert [left(shelf) for shelf in one.values()] == [left(shelf) for shelf in two.values()]


@pytest.mark.parametrize("file", ["coefficients.safetensors", "fitted.json"])
def test_a_fold_killed_at_a_write_is_not_done_and_trains_to_the_same_model(
    binary: Contest, tmp_path: Path, file: str
) -> None:
    class Killed(Shelf):
        def put(self, name: str, data: bytes) -> None:
            if name == file:
                raise KeyboardInterrupt
            super().put(name, data)

    ids, folds = binary.train.index, split(binary, 2)
    whole = Shelf.open(tmp_path / "whole", "made of this")
    learner_of(binary, C=0.1).fit(0, folds.train(0), ids[:0], whole)
    dying = Killed.open(tmp_path / "fold", "made of this")
    with pytest.raises(KeyboardInterrupt):
        learner_of(binary, C=0.1).fit(0, folds.train(0), ids[:0], dying)
    assert dying.done is None
    shelf = Shelf.open(tmp_path / "fold", "made of this")
    learner_of(binary, C=0.1).fit(0, folds.train(0), ids[:0], shelf)
    assert left(shelf) == left(whole)


def test_a_category_that_training_has_not_seen_and_a_gap_are_no_trouble(tmp_path: Path) -> None:
    table = cancer().assign(**STAGES)
    table.loc[table.index[3::4], "stage"] = "new"  # the test rows
    table.loc[table.index[7::8], ["mean_texture", "stage"]] = None
    contest = write_contest(tmp_path, table, ["target"], "binary")
    folds = split(contest, 2)
    for encoding in ("one_hot", "target"):
        learner, shelves = trained(contest, folds, encoding, encoding=encoding, C=0.1)
        assert len(learner.predict("test", contest.test.index, shelves)) == 2 * len(contest.test)


# rows that others have labelled


def taught(ids: pd.Index, targets: np.ndarray, weight: float = 1.0) -> PseudoLabels:
    return PseudoLabels(ids, np.asarray(targets, np.float32), weight, 0.0)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_pseudo_labelled_rows_teach_what_few_labels_do_not(tmp_path: Path, task: str) -> None:
    contest = noisy(tmp_path)
    told = pd.read_csv(tmp_path / "inputs" / "test.csv")
    if task == "regression":
        y = contest.train["x0"].to_numpy()
        contest = dataclasses.replace(contest, task=task, y=y, classes=None)
    right = told["x0"].to_numpy()[:, None] if task == "regression" else (told[["x0"]] > 0).to_numpy()
    few, others = contest.train.index[:24], contest.train.index[24:]
    found = {}
    for name, pseudo in (("alone", None), ("taught", taught(contest.test.index, right))):
        learner, shelf = learner_of(contest), Shelf.open(tmp_path / name, "x")
        learner.fit(0, few, others, shelf, pseudo)
        said = learner.predict("train", others, {0: shelf})["target"]
        found[name] = np.corrcoef(said, contest.train["x0"].loc[others])[0, 1]
        assert (shelf.done or {}).get("pseudo") == (None if pseudo is None else len(contest.test))
    assert found["taught"] > found["alone"] + 0.1


def test_the_rows_of_others_share_the_weights_of_the_training_rows_classes() -> None:
    y = np.array([0, 0, 0, 1])
    both = Problem("classes", y, 3, balanced=True).joined(np.array([1, 0, 2]), np.array([1.0, 0.5, 1.0]))
    np.testing.assert_allclose(both.weight, [2 / 3, 2 / 3, 2 / 3, 2, 2, 1 / 3, 1])


def test_a_soft_label_is_its_two_labels_each_by_its_share() -> None:
    X = np.random.default_rng(0).normal(size=(40, 3))
    own, taught_rows = X[:30], X[30:]
    y, chance = (own[:, 0] > 0).astype(int), np.linspace(0.1, 0.9, 10)
    rows, both = TaughtRows(
        pd.RangeIndex(10), copies(taught(pd.RangeIndex(10), chance[:, None], 0.5), "binary", ["target"])
    ).beside("", own, taught_rows, problem("binary", y))
    found, _ = Solver(0.0, 1000, 0).fit(rows, both, 1.0)
    wanted = LogisticRegression(C=1.0, max_iter=1000).fit(
        np.vstack([own, taught_rows, taught_rows]),
        np.concatenate([y, np.ones(10), np.zeros(10)]),
        sample_weight=np.concatenate([np.ones(30), 0.5 * chance, 0.5 * (1 - chance)]),
    )
    np.testing.assert_allclose(found.coefficients, wanted.coef_, atol=1e-3)


# what a user sets


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"alpha": 1}, r"linear\.yaml: alpha: is for numbers; this contest's task is binary"),
        ({"features": ["mean_radios"]}, "no such column 'mean_radios'; did you mean mean_radius"),
        ({"features": []}, "no columns that linear can learn from"),
    ],
)
def test_a_mistake_in_the_pipeline_is_told_before_training(binary: Contest, keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        learner_of(binary, **keys)


@pytest.mark.parametrize(
    ("keys", "told"), [({"C": 0.1}, "C: is for classes"), ({"class_weight": "balanced"}, "no classes")]
)
def test_keys_of_classes_do_not_go_with_numbers(tmp_path: Path, keys: dict[str, Any], told: str) -> None:
    contest = write_contest(tmp_path, datasets.load_diabetes(as_frame=True).frame, ["target"], "regression")
    with pytest.raises(ConfigError, match=told):
        learner_of(contest, **keys)


@pytest.mark.parametrize(
    "keys", [{"C": []}, {"C": [0.1, -1]}, {"smoothing": 3}, {"encoding": "target", "min_count": 3}]
)
def test_values_that_make_no_sense_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(LinearPipeline).validate_python({"learner": "linear", **keys})


def test_balanced_weights_raise_the_rare_class(tmp_path: Path) -> None:
    table = cancer()
    table = pd.concat([table[table["target"] == 1], table[table["target"] == 0].iloc[::8]]).sample(
        frac=1, random_state=0
    )
    contest = write_contest(tmp_path, table, ["target"], "binary")
    folds, keys = split(contest, 2), {"C": 0.001}
    plain = oof(contest, folds, *trained(contest, folds, **keys))
    even = oof(contest, folds, *trained(contest, folds, class_weight="balanced", **keys))
    assert plain.mean() == pytest.approx(contest.y.mean(), abs=0.02)
    assert even.mean() < plain.mean() - 0.1


def test_too_few_iterations_are_told(binary: Contest) -> None:
    ear = Ear()
    folds = split(binary, 2)
    learner = learner_of(binary, ear, C=10, max_iter=2)
    learner.fit(0, folds.train(0), folds.valid(0), Shelf.open(binary.layout.fold("hasty", 0), "x"))
    assert [re.sub(r"\d+", "N", text) for text in ear.warned] == [
        "linear fold N: max_iter: N iterations did not suffice"
    ]


# what it leaves


def test_importance_is_a_table_and_a_picture(tmp_path: Path) -> None:
    contest = write_contest(tmp_path, cancer().assign(**STAGES), ["target"], "binary")
    learner, shelves = trained(contest, split(contest), C=0.1)
    learner.summarise(shelves, tmp_path)
    table = pd.read_csv(tmp_path / "importance.csv")
    assert list(table.columns) == ["feature", "share_mean", "share_std"]
    assert table["share_mean"].is_monotonic_decreasing and table["share_mean"].sum() == pytest.approx(1, abs=1e-4)
    assert set(contest.roles.continuous) | {f"stage={name}" for name in "abc"} <= set(table["feature"])
    assert (tmp_path / "importance.png").read_bytes().startswith(b"\x89PNG")


def test_it_goes_through_the_whole_chain_beside_trees(tabular: Path) -> None:
    (tabular / "pipelines" / "shallow.yaml").unlink()
    (tabular / "pipelines" / "linear.yaml").write_text("learner: linear\nencoding: target\n")
    for stage in (download, split_stage):
        stage(Context(tabular))
    for name in ("lightgbm", "linear"):
        train(Context(tabular), name)
        predict(Context(tabular), name)
    ensemble(Context(tabular))
    work = open_folder(tabular)
    assert work.scores().loc["linear", "auc"] > 0.97
    assert {"linear/linear", "lightgbm/gbdt"} <= set(work.manifest().extra["weights"])
    before = work.manifest("linear")
    contest = tabular / "competition" / "competition.yaml"
    contest.write_text(contest.read_text().replace("metric: auc", "metric: log_loss"))
    after = train(Context(tabular), "linear")
    assert after.metric == "log_loss" and after.oof_sha256 == before.oof_sha256, "nothing is trained for a metric"


def test_a_fold_whose_features_have_changed_since_is_refused(binary: Contest) -> None:
    folds = split(binary, 2)
    _, shelves = trained(binary, folds, "changed", C=0.1, features=["mean_radius", "mean_texture"])
    with pytest.raises(Exception, match="trained on other features"):
        learner_of(binary, C=0.1, features=["mean_radius"]).predict("test", binary.test.index, shelves)
