"""Every key of a pipeline of tables changes what a trained fold predicts; one that is not listed here fails."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from contest_folder import write_contest
from features_contest import table
from image_contest import digits_contest
from trained_fold import differ

from outfold.config.gbdt import GbdtPipeline
from outfold.config.linear import LinearPipeline
from outfold.config.sklearn import SklearnPipeline
from outfold.config.tabular import TabularPipeline
from outfold.contest import Contest
from outfold.contest_files import load_contest

pytestmark = pytest.mark.usefixtures("one_thread")

HOOKS = """\
import numpy as np

def squared(y, score):
    p = 1 / (1 + np.exp(-score))
    return (p - y) * p * (1 - p), np.maximum(p * (1 - p), 1e-6)
"""
Change = tuple[str, dict[str, Any], Any]
"""A contest, the keys beside it, and the value that is set."""

BOOSTER = {"learner": "gbdt", "rounds": 12, "early_stopping": 3, "params": {"learning_rate": 0.3}}
ALL_ROUNDS = {**BOOSTER, "early_stopping": 0}
GBDT: dict[str, Change] = {
    "params": ("classes", BOOSTER, {"learning_rate": 0.3, "max_depth": 2}),
    "rounds": ("classes", ALL_ROUNDS, 5),
    "early_stopping": ("classes", BOOSTER, 0),
    "stop_by": ("classes", BOOSTER, "contest"),
    "inner_fraction": ("classes", {**BOOSTER, "refit": False}, 0.5),
    "refit": ("classes", BOOSTER, False),
    "objective": ("classes", ALL_ROUNDS, "hooks.py:squared"),
    "class_weight": ("classes", ALL_ROUNDS, "balanced"),
    "monotone": ("classes", ALL_ROUNDS, {"fare": "increasing", "age": "decreasing"}),
    "seed": ("classes", {**BOOSTER, "params": {"learning_rate": 0.3, "bagging_fraction": 0.5}}, 1),
    "seeds": ("classes", BOOSTER, 2),
    "pseudo": ("classes", ALL_ROUNDS, {"pipelines": "other"}),
    "target_transform": ("numbers", ALL_ROUNDS, "log1p"),
    "features": ("classes", ALL_ROUNDS, ["town"]),
    "drop": ("classes", ALL_ROUNDS, ["town"]),
    "image_features": ("images", ALL_ROUNDS, {"size": 2, "statistics": False, "gradients": False}),
}
LINE = {"learner": "linear"}
MANY = [round(0.002 * 1.7**step, 4) for step in range(14)]
LINEAR: dict[str, Change] = {
    "C": ("classes", LINE, 0.3),
    "alpha": ("numbers", LINE, 0.3),
    "l1_ratio": ("classes", {**LINE, "C": 0.5}, 0.5),
    "encoding": ("classes", LINE, "target"),
    "min_count": ("classes", {**LINE, "C": 1}, 30),
    "smoothing": ("classes", {**LINE, "C": 1, "encoding": "target"}, 50),
    "inner_folds": ("classes", {**LINE, "C": MANY}, 2),
    "inner_fraction": ("classes", {**LINE, "C": MANY, "inner_folds": 1}, 0.6),
    "class_weight": ("classes", {**LINE, "C": 1}, "balanced"),
    "max_iter": ("classes", {**LINE, "C": 1}, 2),
    "seed": ("classes", {**LINE, "C": MANY, "inner_folds": 1}, 3),
    "pseudo": ("classes", {**LINE, "C": 1}, {"pipelines": "other"}),
    "target_transform": ("numbers", LINE, "log1p"),
    "features": ("classes", {**LINE, "C": 1}, ["town"]),
    "drop": ("classes", {**LINE, "C": 1}, ["town"]),
    "image_features": ("images", {**LINE, "C": 1}, {"size": 2, "statistics": False, "gradients": False}),
}
TREES = "sklearn.tree.DecisionTreeClassifier"
NEAR = "sklearn.neighbors.KNeighborsClassifier"
TREE = {"learner": "sklearn", "estimator": TREES, "params": {"max_depth": 3}}
RIDGE = {"learner": "sklearn", "estimator": "sklearn.linear_model.Ridge"}
SKLEARN: dict[str, Change] = {
    "estimator": ("classes", TREE, "sklearn.tree.ExtraTreeClassifier"),
    "params": ("classes", TREE, {"max_depth": 1}),
    "encoding": ("classes", {**TREE, "estimator": NEAR, "params": {}}, "codes"),
    "min_count": ("classes", {**TREE, "estimator": NEAR, "params": {}}, 30),
    "smoothing": ("classes", {**TREE, "estimator": NEAR, "params": {}, "encoding": "target"}, 500),
    "scale": ("classes", {**TREE, "estimator": NEAR, "params": {}}, False),
    "scale_target": ("numbers", {**RIDGE, "estimator": "sklearn.svm.SVR"}, False),
    "class_weight": ("classes", TREE, "balanced"),
    "seed": ("classes", {**TREE, "params": {"max_features": 1, "max_depth": 3}}, 1),
    "pseudo": ("classes", TREE, {"pipelines": "other"}),
    "target_transform": ("numbers", RIDGE, "log1p"),
    "features": ("classes", TREE, ["town"]),
    "drop": ("classes", {**TREE, "params": {}}, ["fare"]),
    "image_features": ("images", TREE, {"size": 2, "statistics": False, "gradients": False}),
}
ONE_EPOCH = {"epochs": 1, "schedule": "constant", "lr": 0.01}
NET = {"learner": "tabular", "layers": [6], "batch_size": 32, "phases": [ONE_EPOCH]}
FROZEN = {**NET, "layers": [6, 6], "phases": [{**ONE_EPOCH, "train": "head"}]}
SGD = {**NET, "optimizer": "sgd"}
HOT = {"epochs": 2, "schedule": "constant", "lr": 0.3}
TABULAR: dict[str, Change] = {
    "seed": ("classes", NET, 1),
    "optimizer": ("classes", NET, "sgd"),
    "momentum": ("classes", SGD, 0.1),
    "beta2": ("classes", NET, 0.5),
    "weight_decay": ("classes", NET, 0.9),
    "batch_size": ("classes", NET, 25),
    "accumulate": ("classes", NET, 2),
    "clip_grad": ("classes", SGD, 0.001),
    "label_smoothing": ("classes", NET, 0.3),
    "loss": ("classes", NET, "focal"),
    "gamma": ("classes", {**NET, "loss": "focal"}, 5),
    "target_range": ("numbers", NET, [-10, 1000]),
    "loss_weights": ("several", NET, {"fare": 5}),
    "class_weight": ("classes", NET, "balanced"),
    "sampling": ("classes", NET, "balanced"),
    "ema": ("classes", NET, 0.9),
    "train_bn": ("classes", FROZEN, True),
    "precision": ("classes", {**NET, "precision": "fp32"}, "bf16"),
    "phases": ("classes", NET, [HOT]),
    "layers": ("classes", NET, [7]),
    "dropouts": ("classes", NET, 0.5),
    "embedding_dropout": ("classes", NET, 0.5),
    "embedding_width": ("classes", NET, 5),
    "pseudo": ("classes", NET, {"pipelines": "other"}),
    "target_transform": ("numbers", NET, "log1p"),
    "features": ("classes", NET, ["town"]),
    "drop": ("classes", NET, ["town"]),
    "image_features": ("images", NET, {"size": 2, "statistics": False, "gradients": False}),
}
TABM_NET = {
    "learner": "tabular",
    "model": "tabm",
    "batch_size": 32,
    "phases": [ONE_EPOCH],
    "params": {"k": 2, "n_blocks": 1, "d_block": 8, "n_bins": 4, "d_embedding": 2},
}
NOT_TABM = {"layers", "dropouts", "embedding_dropout"}
TABM: dict[str, Change] = {
    key: (contest, TABM_NET | {name: own[name] for name in own if name not in NET or own[name] != NET[name]}, value)
    for key, (contest, own, value) in TABULAR.items()
    if key not in NOT_TABM | {"train_bn"}
} | {"params": ("classes", TABM_NET, {**TABM_NET["params"], "k": 3})}
REAL = {
    "learner": "tabular",
    "model": "realmlp",
    "params": {"n_epochs": 2, "hidden_sizes": [8], "batch_size": 32, "plr_hidden_1": 4},
}
REALMLP: dict[str, Change] = {
    "params": ("classes", REAL, {**REAL["params"], "lr": 0.3}),
    "inner_fraction": ("classes", {**REAL, "refit": False}, 0.5),
    "refit": ("classes", REAL, False),
    "seed": ("classes", REAL, 1),
    "target_transform": ("numbers", REAL, "log1p"),
    "features": ("classes", REAL, ["town"]),
    "drop": ("classes", REAL, ["town"]),
    "image_features": ("images", REAL, {"size": 2, "statistics": False, "gradients": False}),
}
LEARNERS: dict[str, dict[str, Change]] = {
    **{
        library: {key: (on, {"library": library, **keys}, value) for key, (on, keys, value) in GBDT.items()}
        for library in ("lightgbm", "xgboost", "catboost")
    },
    "linear": LINEAR,
    "sklearn": SKLEARN,
    "embeddings": TABULAR,
    "tabm": TABM,
    "realmlp": REALMLP,
}
BY_MODEL: dict[type, set[str]] = {
    GbdtPipeline: {*GBDT, "library", "shap"},
    LinearPipeline: {*LINEAR},
    SklearnPipeline: {*SKLEARN},
    TabularPipeline: {*TABULAR, *REALMLP, "model"},
}
"""The keys whose effect is shown here, by the model that has them."""


@pytest.fixture(scope="module")
def contests(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Contests by name, each written where it is first asked for."""

    @cache
    def contest(name: str) -> Contest:
        root: Path = tmp_path_factory.mktemp(name)
        if name == "images":
            return digits_contest(root, train=60, test=20, task="binary", side=8)
        frame = table(110)
        targets = {"classes": ["bought"], "numbers": ["fare"], "several": ["bought", "fare"]}[name]
        test = frame.iloc[80:].drop(columns=targets)
        sample = test[["id"]].assign(**dict.fromkeys(targets, 0.5))
        more: dict[str, Any] = {}
        if name == "several":
            more = {"task": "multitask", "targets": {"bought": {"metric": "log_loss"}, "fare": {"metric": "rmse"}}}
        keys = {"target": targets, "columns": {"dates": ["day"]}, **more}
        return load_contest(write_contest(root, frame.iloc[:80], test, sample, hooks=HOOKS, **keys))

    return contest


def case(learner: str, key: str) -> Any:
    """Slow, and not in every run, where the same code takes the key for another learner that is."""
    of_engine = learner == "tabm" and key not in ("params", "loss", "embedding_width", "label_smoothing")
    of_tables = learner != "embeddings" and key in ("features", "drop", "image_features", "target_transform")
    slow = of_engine or (of_tables and learner not in ("lightgbm", "linear"))
    return pytest.param(learner, key, marks=pytest.mark.slow if slow else ())


@pytest.mark.parametrize(("learner", "key"), [case(name, key) for name, keys in LEARNERS.items() for key in keys])
def test_every_key_of_a_learner_changes_what_it_predicts(contests: Any, learner: str, key: str) -> None:
    name, keys, value = LEARNERS[learner][key]
    assert differ(contests(name), keys, {**keys, key: value})


@pytest.mark.parametrize("library", ["xgboost", "catboost"])
def test_another_library_predicts_other_numbers(contests: Any, library: str) -> None:
    assert differ(contests("classes"), ALL_ROUNDS, {**ALL_ROUNDS, "library": library})


def test_shap_writes_its_table(contests: Any) -> None:
    keys = {**ALL_ROUNDS, "rounds": 2}
    assert differ(contests("classes"), keys, {**keys, "shap": False}, wanted="shap.csv")


def test_another_model_predicts_other_numbers(contests: Any) -> None:
    assert differ(contests("classes"), NET, TABM_NET)
