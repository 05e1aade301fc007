"""CatBoost's parameters: the toolkit's defaults, the user's by CatBoost's names or the shared ones."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

from outfold.config.competition import Task
from outfold.errors import ConfigError, quoted
from outfold.learners.gbdt.booster import Settings
from outfold.learners.gbdt.params import Vocabulary, check_objective
from outfold.learners.optional_imports import load_extra

DEFAULTS: dict[str, Any] = {"learning_rate": 0.05, "depth": 6, "l2_leaf_reg": 3.0}
"""CatBoost's own, and small steps: it draws 80% of the rows by itself."""

DEEPEST = 16
_BINARY = ("Logloss", "CrossEntropy", "Focal")
_OBJECTIVES: dict[Task, tuple[str, ...]] = {
    "binary": _BINARY,
    "multiclass": ("MultiClass", "MultiClassOneVsAll"),
    "ordinal": _BINARY,
    "multilabel": _BINARY,
    "regression": (
        *("RMSE", "MAE", "Quantile", "LogCosh", "Lq", "Expectile", "MAPE", "Huber", "Poisson", "Tweedie"),
        *("Logloss", "CrossEntropy"),
    ),
}
EXPONENTS = ("Poisson", "Tweedie")
"""Objectives whose raw score is a logarithm."""

_ALIASES = {
    "learning_rate": ["eta"],
    "depth": ["max_depth"],
    "l2_leaf_reg": ["reg_lambda", "lambda_l2"],
    "max_leaves": ["num_leaves"],
    "min_data_in_leaf": ["min_child_samples"],
    "rsm": ["colsample_bylevel", "feature_fraction"],
    "subsample": ["bagging_fraction"],
    "border_count": ["max_bin"],
    "loss_function": ["objective"],
    "random_seed": ["random_state", "seed"],
    "iterations": ["n_estimators", "num_boost_round", "num_trees"],
    "thread_count": ["num_threads"],
}
_ELSEWHERE = {
    "categories": ["cat_features", "text_features", "embedding_features", "class_names", "classes_count"],
    "ignored": ["ignored_features"],
    "kept": [
        "train_dir",
        "allow_writing_files",
        "save_snapshot",
        "snapshot_file",
        "snapshot_interval",
        "output_borders",
    ],
    "data": ["eval_fraction", "input_borders", "name", "metadata", "callback", "tokenizers", "dictionaries"],
    "told": ["verbose", "silent", "logging_level", "metric_period", "custom_metric", "custom_loss"],
}


@cache
def vocabulary() -> Vocabulary:
    """Every name that CatBoost's estimators take."""
    classifier = load_extra("catboost", "CatBoost").CatBoostClassifier
    plain = [name for name in inspect.signature(classifier.__init__).parameters if name != "self"]
    aliases = {name: main for main, more in _ALIASES.items() for name in (main, *more)}
    return Vocabulary(
        library="CatBoost",
        page="https://catboost.ai/docs/en/references/training-parameters/",
        names={name: name for name in plain} | aliases,
        own_keys={
            "seed": ["random_seed"],
            "rounds": ["iterations"],
            "patience": ["early_stopping_rounds", "od_wait", "od_type", "od_pval", "use_best_model"],
            "device": ["task_type", "devices", "device_config"],
            "monotone": ["monotone_constraints"],
        },
        elsewhere=_ELSEWHERE,
        balancing=["scale_pos_weight", "auto_class_weights", "class_weights"],
    )


def resolve(settings: Settings) -> dict[str, Any]:
    """The parameters of every booster of a pipeline, by their main names: the defaults, with the user's over them.

    Raises:
        ConfigError: as :meth:`Vocabulary.read`; an objective that does not fit the task; trees too deep.
    """
    words, where = vocabulary(), settings.where
    said = words.read(settings.params, where)
    if settings.balanced:
        words.check_balance(said, where)
    check_objective(said.get("loss_function"), _OBJECTIVES[settings.task], settings.task, where)
    depth = said.get("depth")
    if depth is not None and (not isinstance(depth, int) or not 1 <= depth <= DEEPEST):
        raise ConfigError(f"{where}: params.max_depth: found {quoted(depth)}; CatBoost's trees are 1 to {DEEPEST} deep")
    defaults = DEFAULTS | {
        "loss_function": _OBJECTIVES[settings.task][0],
        "allow_const_label": True,
        "allow_writing_files": False,
    }
    if said.get("max_leaves") is not None:
        defaults |= {"grow_policy": "Lossguide", "depth": DEEPEST}  # leaves are counted in trees that grow leaf by leaf
    if said.get("subsample") is not None:
        defaults["bootstrap_type"] = "Bernoulli"
    if settings.kind == "classes":
        defaults["classes_count"] = settings.classes
    elif settings.kind == "binary" and said.get("loss_function") != "CrossEntropy":
        defaults["class_names"] = [0, 1]  # both, though the rows may have only one
    if settings.device.startswith("cuda"):
        defaults |= {"task_type": "GPU", "devices": settings.device.partition(":")[2] or "0"}
    return defaults | {name: value for name, value in said.items() if value is not None}
