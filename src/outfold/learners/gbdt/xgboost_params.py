"""XGBoost's parameters: the toolkit's defaults, the user's by XGBoost's names or the shared ones."""

from __future__ import annotations

from typing import Any

from outfold.config.competition import Task
from outfold.errors import ConfigError, quoted
from outfold.learners.gbdt.booster import Settings
from outfold.learners.gbdt.params import Vocabulary, check_objective

DEFAULTS: dict[str, Any] = {
    "learning_rate": 0.05,
    "max_depth": 6,
    "lambda": 1.0,
    "colsample_bytree": 0.8,
    "subsample": 0.8,
    "tree_method": "hist",
}
"""As LightGBM's: small steps, some shrinkage, and trees that see 80% of rows and columns."""

_BINARY = ("binary:logistic", "reg:logistic")
_OBJECTIVES: dict[Task, tuple[str, ...]] = {
    "binary": _BINARY,
    "multiclass": ("multi:softprob",),
    "ordinal": _BINARY,
    "multilabel": _BINARY,
    "regression": (
        *("reg:squarederror", "reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror", "reg:quantileerror"),
        *("reg:logistic", "reg:gamma", "reg:tweedie", "count:poisson"),
    ),
}

_ALIASES = {
    "learning_rate": ["eta"],
    "gamma": ["min_split_loss"],
    "lambda": ["reg_lambda", "lambda_l2"],
    "alpha": ["reg_alpha", "lambda_l1"],
    "max_leaves": ["num_leaves"],
    "colsample_bytree": ["feature_fraction"],
    "subsample": ["bagging_fraction"],
    "nthread": ["n_jobs", "num_threads"],
    "seed": ["random_state"],
    "num_boost_round": ["n_estimators"],
    "early_stopping_rounds": [],
    "device": [],
    "monotone_constraints": [],
    "feature_types": ["enable_categorical"],
    "missing": [],
    "process_type": ["updater", "refresh_leaf"],
    "verbosity": ["silent"],
}
_PLAIN = (
    *("booster", "max_depth", "min_child_weight", "max_delta_step", "sampling_method", "colsample_bylevel"),
    *("colsample_bynode", "tree_method", "scale_pos_weight", "grow_policy", "max_bin", "num_parallel_tree"),
    *("interaction_constraints", "max_cached_hist_node", "max_cat_to_onehot", "max_cat_threshold", "sample_type"),
    *("normalize_type", "rate_drop", "one_drop", "skip_drop", "tweedie_variance_power", "huber_slope"),
    *("quantile_alpha", "objective", "base_score", "eval_metric", "seed_per_iteration"),
)

VOCABULARY = Vocabulary(
    library="XGBoost",
    page="https://xgboost.readthedocs.io/en/stable/parameter.html",
    names={name: name for name in _PLAIN} | {name: main for main, more in _ALIASES.items() for name in (main, *more)},
    own_keys={
        "seed": ["seed"],
        "rounds": ["num_boost_round"],
        "patience": ["early_stopping_rounds"],
        "device": ["device"],
        "monotone": ["monotone_constraints"],
    },
    elsewhere={"categories": ["feature_types"], "data": ["missing"], "fresh": ["process_type"], "told": ["verbosity"]},
    balancing=["scale_pos_weight"],
)


def resolve(settings: Settings) -> dict[str, Any]:
    """The parameters of every booster of a pipeline, by their main names: the defaults, with the user's over them.

    Raises:
        ConfigError: as :meth:`Vocabulary.read`; an objective that does not fit the task; no trees.
    """
    said = VOCABULARY.read(settings.params, settings.where)
    if settings.balanced:
        VOCABULARY.check_balance(said, settings.where)
    check_objective(said.get("objective"), _OBJECTIVES[settings.task], settings.task, settings.where)
    if said.get("booster", "gbtree") not in ("gbtree", "dart"):
        raise ConfigError(f"{settings.where}: params.booster: found {quoted(said['booster'])}; expected gbtree or dart")
    defaults = DEFAULTS | {"objective": _OBJECTIVES[settings.task][0], "verbosity": 0}
    if said.get("max_leaves") is not None:
        # leaves are counted where trees grow leaf by leaf, to no depth that is not said
        defaults |= {"grow_policy": "lossguide", "max_depth": 0}
    if said.get("max_depth") == -1:
        said["max_depth"] = 0  # LightGBM's word for no limit
    if settings.task == "multiclass":
        defaults["num_class"] = settings.classes
    if settings.device.startswith("cuda"):
        defaults["device"] = settings.device
    return defaults | {name: value for name, value in said.items() if value is not None}
