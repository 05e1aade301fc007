"""Names and values that only a library or the data can refuse: the error names the file and the key's line."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from contest_folder import write_contest
from features_contest import table
from image_contest import digits_contest

from outfold.config.load import load_pipeline
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.errors import ConfigError
from outfold.learners.registry import make_learner
from outfold.progress import Reporter

SVC = "sklearn.svm.SVC"
DART = "learner: gbdt\nparams: {boosting: dart}\n"
IMAGE = "learner: image\nweights: none\nsize: 32\n"
REFUSED = [
    ("classes", "learner: gbdt\nlibrary: xgboost\nparams:\n  max_dept: 3\n", 4, "params.max_dept: XGBoost has no such"),
    ("classes", "learner: gbdt\nlibrary: catboost\nparams:\n  dept: 3\n", 4, "params.dept: CatBoost has no such"),
    ("classes", "learner: gbdt\nparams:\n  num_leavs: 3\n", 3, "params.num_leavs: LightGBM has no such"),
    ("classes", f"learner: sklearn\nestimator: {SVC}\nparams:\n  CC: 3\n", 4, "params.CC"),
    ("classes", "learner: sklearn\nestimator: sklearn.svm.SVCC\n", 2, "estimator: "),
    ("classes", "learner: tabular\nmodel: tabm\nparams:\n  blocks: 3\n", 4, "params.blocks: TabM has no such argument"),
    ("classes", "learner: tabular\nmodel: realmlp\nparams:\n  epoch: 3\n", 4, "params.epoch: RealMLP has no such"),
    ("images", IMAGE + "model: resnet35\n", 4, "model: "),
    ("images", IMAGE + "model: resnet10t\ntimm_args:\n  depht: 3\n", 5, "timm_args: "),
    ("images", IMAGE + "model: resnet10t\nmean: [0.5, 0.5]\n", 5, "mean: has 2 numbers; channels: 3"),
    ("images", IMAGE + "model: resnet10t\nstd: [0.5, 0.5]\n", 5, "std: has 2 numbers; channels: 3"),
    (
        "classes",
        "learner: linear\nimage_features: {size: 4}\n",
        2,
        "image_features: has no effect: the learner sees no",
    ),
    (
        "images",
        "learner: gbdt\nimage_features:\n  backbone: {model: resnet10t, mean: [1]}\n",
        3,
        "image_features.backbone",
    ),
    ("classes", DART + "early_stopping: 20\n", 3, "early_stopping: has no effect: boosting by dart"),
    ("classes", DART + "stop_by: auc\n", 3, "stop_by: has no effect: boosting by dart cannot stop"),
    ("classes", DART + "inner_fraction: 0.3\n", 3, "inner_fraction: has no effect: boosting by dart cannot stop"),
    ("classes", DART + "refit: false\n", 3, "refit: has no effect: boosting by dart cannot stop"),
    ("classes", "learner: linear\nC: 1\ninner_folds: 3\n", 3, "inner_folds: has no effect: C is one number"),
    ("classes", "learner: linear\nC: 1\ninner_fraction: 0.3\n", 3, "inner_fraction: has no effect: C is one number"),
    ("numbers", "learner: linear\nalpha: 1\ninner_folds: 3\n", 3, "inner_folds: has no effect: alpha is one number"),
    ("numbers", "learner: linear\nmax_iter: 5\n", 2, "max_iter: has no effect with l1_ratio: 0"),
    ("numbers", "learner: linear\nC: 5\n", 2, "C: is for classes; this contest's task is regression"),
    ("classes", "learner: linear\nalpha: 5\n", 2, "alpha: is for numbers; this contest's task is binary"),
    ("classes", f"learner: sklearn\nestimator: {SVC}\nscale_target: false\n", 3, "scale_target: is for numbers"),
    ("numbers", "learner: tabular\nclass_weight: balanced\n", 2, "class_weight: is for classes"),
    ("numbers", "learner: tabular\nlabel_smoothing: 0.1\n", 2, "label_smoothing: is for classes"),
    ("classes", "learner: tabular\ntarget_range: [0, 1]\n", 2, "target_range: is for numbers"),
    ("classes", "learner: tabular\nloss_weights: {bought: 2}\n", 2, "loss_weights: is for several targets"),
    ("classes", "learner: linear\ntarget_transform: log\n", 2, "target_transform: is for numbers"),
]


@pytest.fixture(scope="module")
def contests(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Contests by name, each written where it is first asked for."""

    @cache
    def contest(name: str) -> Contest:
        root: Path = tmp_path_factory.mktemp(name)
        (root / "pipelines").mkdir()
        if name == "images":
            return digits_contest(root, train=12, test=4, task="binary")
        target = {"classes": "bought", "numbers": "fare"}[name]
        frame = table(60)
        test = frame[40:].drop(columns=target)
        return load_contest(write_contest(root, frame[:40], test, test[["id"]].assign(**{target: 0.5}), target=target))

    return contest


@pytest.mark.parametrize(("name", "text", "line", "told"), REFUSED, ids=[one[3][:40] for one in REFUSED])
def test_what_only_a_library_or_the_data_refuses_names_the_line(
    contests: Any, name: str, text: str, line: int, told: str
) -> None:
    contest = contests(name)
    path = contest.layout.pipeline_config("model")
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        make_learner(contest, load_pipeline(path), "model", Reporter()).check()
    assert re.match(re.escape(f"{path}:{line}: {told}"), str(refused.value)), refused.value
