"""LightGBM's parameters: the toolkit's defaults, the user's by any of LightGBM's names, and what may not be said."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from outfold.config.competition import Task
from outfold.errors import ConfigError, nearest
from outfold.learners.gbdt.runtime import load_lightgbm
from outfold.threads import thread_count

DEFAULTS: dict[str, Any] = {
    "learning_rate": 0.05,
    "num_leaves": 31,
    "lambda_l2": 1.0,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
}
"""Small steps, some shrinkage, and trees that see 80% of rows and columns: what holds on tables of 1e3 to 1e6 rows."""

_DETERMINISTIC: dict[str, Any] = {"deterministic": True, "force_row_wise": True, "verbosity": -1}

_BINARY = ("binary", "cross_entropy", "xentropy")
_MULTICLASS = ("multiclass", "softmax", "multiclassova", "multiclass_ova", "ova", "ovr")
_REGRESSION = (
    *("regression", "regression_l2", "l2", "mean_squared_error", "mse", "l2_root", "root_mean_squared_error", "rmse"),
    *("regression_l1", "l1", "mean_absolute_error", "mae", "huber", "fair", "poisson", "quantile"),
    *("mape", "mean_absolute_percentage_error", "gamma", "tweedie", "cross_entropy", "xentropy"),
)
_OBJECTIVES: dict[Task, tuple[str, ...]] = {
    "binary": _BINARY,
    "multiclass": _MULTICLASS,
    "ordinal": _BINARY,
    "multilabel": _BINARY,
    "regression": _REGRESSION,
}

_OWN_KEYS = {"num_iterations": "rounds", "early_stopping_round": "early_stopping", "seed": "seed"}
_NOT_HERE = {
    "task": "the stages train and predict",
    "data": "the contest names the data",
    "valid": "inner_fraction sets the rows aside that choose the rounds",
    "config": "the parameters stand here",
    "input_model": "every fold starts from nothing",
    "output_model": "models are kept with the fold",
    "output_result": "predictions are kept with the fold",
    "convert_model": "models are kept with the fold",
    "convert_model_language": "models are kept with the fold",
    "save_binary": "the data is parsed once already",
    "snapshot_freq": "models are kept with the fold",
    "categorical_feature": "columns.categorical in competition.yaml names the categories",
    "label_column": "target in competition.yaml names the target",
    "weight_column": "class_weight weighs the rows",
    "group_column": "columns.group in competition.yaml names the groups",
    "ignore_column": "columns.ignore in competition.yaml, or features here, leaves columns out",
    "machines": "training is on this machine",
    "machine_list_filename": "training is on this machine",
    "num_machines": "training is on this machine",
    "predict_raw_score": "predictions are probabilities or values",
    "predict_leaf_index": "predictions are probabilities or values",
    "predict_contrib": "predictions are probabilities or values",
    "num_iteration_predict": "early_stopping chooses the rounds",
    "start_iteration_predict": "early_stopping chooses the rounds",
}


def known_parameters() -> dict[str, str]:
    """Every name that LightGBM itself understands, aliases included, to the parameter's main name."""
    load_lightgbm()
    from lightgbm.basic import _ConfigAliases

    table = _ConfigAliases._get_all_param_aliases()
    return {alias: main for main, aliases in table.items() for alias in {main, *aliases}}


def resolve(params: Mapping[str, Any], *, task: Task, classes: int, seed: int, where: Path) -> dict[str, Any]:
    """The parameters of every booster of a pipeline, by their main names: the defaults, with the user's over them.

    Args:
        params: as in the pipeline's file.
        classes: the number of classes of a multiclass task.
        where: the pipeline's file, for messages.

    Raises:
        ConfigError: a name that LightGBM does not know (nearest names given), one parameter said twice, one that is a
            key of the pipeline or of the contest, or an objective that does not fit the task.
    """
    known = known_parameters()
    said: dict[str, Any] = {}
    for name, value in params.items():
        main = known.get(name)
        if main is None:
            hint = nearest(name, list(known))
            raise ConfigError(
                f"{where}: params.{name}: LightGBM has no such parameter" + (f"; {hint}" if hint else ""),
                remedy="Its parameters: https://lightgbm.readthedocs.io/en/stable/Parameters.html",
            )
        if main in _OWN_KEYS:
            key = _OWN_KEYS[main]
            raise ConfigError(f"{where}: params.{name}: set the pipeline's own key `{key}` instead")
        if main in _NOT_HERE:
            raise ConfigError(f"{where}: params.{name}: cannot be set: {_NOT_HERE[main]}")
        if main in said:
            raise ConfigError(f"{where}: params.{name}: another name for {main}, which is set already")
        if isinstance(value, Mapping):
            raise ConfigError(f"{where}: params.{name}: expected a number, a word or a list, found a mapping")
        said[main] = value
    _check_objective(said, task, classes, where)
    defaults = DEFAULTS | _DETERMINISTIC | {"objective": _OBJECTIVES[task][0], "seed": seed}
    if said.get("force_col_wise"):
        del defaults["force_row_wise"]
    if said.get("data_sample_strategy") == "goss" or said.get("boosting") == "goss":
        del defaults["bagging_fraction"], defaults["bagging_freq"]  # LightGBM refuses both at once
    if task == "multiclass":
        defaults["num_class"] = classes
    return defaults | {name: value for name, value in said.items() if value is not None}


def _check_objective(said: Mapping[str, Any], task: Task, classes: int, where: Path) -> None:
    objective, fitting = said.get("objective"), _OBJECTIVES[task]
    if objective is not None and objective not in fitting:
        raise ConfigError(
            f"{where}: params.objective: '{objective}' does not fit a {task} task; one of {', '.join(fitting)}"
        )
    number = said.get("num_class")
    if number is not None and (task != "multiclass" or not isinstance(number, int) or number < classes):
        wanted = f"at least {classes}, the classes of the contest" if task == "multiclass" else "not set"
        raise ConfigError(f"{where}: params.num_class: found {number!r}; for a {task} task it must be {wanted}")


def fitted_to(features: np.ndarray) -> dict[str, int]:
    """What is best chosen by the size of the data, (n, features), where the user has not said it.

    A leaf has LightGBM's 20 rows at least, and fewer where that would leave small data hardly a split. Threads meet
    after every node: on small data they wait for each other longer than they work. Their number changes no result.
    """
    rows, cells = len(features), features.size
    return {
        "min_data_in_leaf": max(5, min(20, rows // 50)),
        "num_threads": min(thread_count(), max(1, cells // 500_000)),
    }


def stops_early(params: Mapping[str, Any], patience: int, where: Path) -> bool:
    """Whether an inner split can choose the number of rounds.

    Raises:
        ConfigError: it should, and the parameters leave nothing to choose by.
    """
    if patience == 0 or params.get("boosting") == "dart":
        return False
    metric = params.get("metric")
    if metric is not None and str(metric).lower() in ("", "none", "null", "na", "custom"):
        raise ConfigError(
            f"{where}: params.metric: '{metric}' leaves nothing to choose the number of rounds by",
            remedy="Name a metric, or set early_stopping: 0 to take all rounds.",
        )
    return True
