"""LightGBM's parameters: the toolkit's defaults, the user's by any of LightGBM's names, and what may not be said."""

from __future__ import annotations

from typing import Any

import numpy as np

from outfold.config.competition import Task
from outfold.errors import ConfigError, quoted
from outfold.learners.gbdt.booster import Settings
from outfold.learners.gbdt.params import Vocabulary, check_objective
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


def vocabulary() -> Vocabulary:
    """Every name that LightGBM itself understands, aliases included."""
    load_lightgbm()
    from lightgbm.basic import _ConfigAliases

    table = _ConfigAliases._get_all_param_aliases()
    return Vocabulary(
        library="LightGBM",
        page="https://lightgbm.readthedocs.io/en/stable/Parameters.html",
        names={alias: main for main, aliases in table.items() for alias in {main, *aliases}},
        own_keys={
            "seed": ["seed"],
            "rounds": ["num_iterations"],
            "patience": ["early_stopping_round"],
            "device": ["device_type", "gpu_device_id", "gpu_device_id_list", "num_gpu"],
            "monotone": ["monotone_constraints"],
        },
        elsewhere={
            "data": ["data", "valid", "label_column", "weight_column", "group_column"],
            "categories": ["categorical_feature"],
            "ignored": ["ignore_column"],
            "kept": [
                *("output_model", "output_result", "convert_model", "convert_model_language", "save_binary"),
                *("snapshot_freq", "config"),
            ],
            "fresh": ["input_model"],
            "alone": ["machines", "machine_list_filename", "num_machines"],
            "said": ["predict_raw_score", "predict_leaf_index", "predict_contrib"],
            "stages": ["task", "num_iteration_predict", "start_iteration_predict"],
        },
        balancing=["is_unbalance", "scale_pos_weight"],
    )


def resolve(settings: Settings) -> dict[str, Any]:
    """The parameters of every booster of a pipeline, by their main names: the defaults, with the user's over them.

    Raises:
        ConfigError: as :meth:`Vocabulary.read`; an objective that does not fit the task; nothing to stop by.
    """
    words, where = vocabulary(), settings.where
    said = words.read(settings.params, where)
    if settings.balanced:
        words.check_balance(said, where)
    check_objective(said.get("objective"), _OBJECTIVES[settings.task], settings.task, where)
    _check_classes(said.get("num_class"), settings)
    defaults = DEFAULTS | _DETERMINISTIC | {"objective": _OBJECTIVES[settings.task][0]}
    if said.get("force_col_wise"):
        del defaults["force_row_wise"]
    if said.get("data_sample_strategy") == "goss" or said.get("boosting") == "goss":
        del defaults["bagging_fraction"], defaults["bagging_freq"]  # LightGBM refuses both at once
    if settings.task == "multiclass":
        defaults["num_class"] = settings.classes
    if settings.device.startswith("cuda"):
        defaults["device_type"] = "cuda"
    return defaults | {name: value for name, value in said.items() if value is not None}


def _check_classes(number: Any, settings: Settings) -> None:
    if number is None or (settings.task == "multiclass" and isinstance(number, int) and number >= settings.classes):
        return
    wanted = f"at least {settings.classes}, the classes of the contest" if settings.task == "multiclass" else "not set"
    raise ConfigError(
        f"{settings.where}: params.num_class: found {quoted(number)}; for a {settings.task} task it must be {wanted}"
    )


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
