"""What RealMLP is told: its authors' parameters, the file's over them, and what the contest asks."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping
from typing import Any

from outfold.contest import Contest
from outfold.errors import ConfigError, nearest, some
from outfold.learners.optional_imports import load_network_library
from outfold.learners.realmlp.suppress_output import quietly

_NOT_HERE = {
    "random_state": "the pipeline's own key `seed` sets it",
    "device": "the pipeline's own key `device` sets it",
    "n_cv": "the contest's folds are the cross-validation",
    "n_repeats": "the contest's folds are the cross-validation",
    "n_refit": "the pipeline's own key `refit` sets it",
    "val_fraction": "the pipeline's own key `inner_fraction` sets it",
    "stop_epoch": "the inner split finds it",
    "n_threads": "the toolkit shares out the cores",
    "tmp_folder": "models are kept with the fold",
    "verbosity": "what is to be told is told here",
}
_ABSOLUTE = ("mae", "mape", "smape")


def check_params(params: Mapping[str, Any], where: str) -> None:
    """Look whether the library is there, and whether it knows these parameters.

    Raises:
        ConfigError: it is not installed, or has no such parameter (nearest names given).
    """
    if not params and importlib.util.find_spec("pytabkit") is not None:
        return  # its import takes seconds
    with quietly():
        library = load_network_library("pytabkit", "realmlp", where)
    known = [name for name in inspect.signature(library.RealMLP_TD_Classifier).parameters if name not in _NOT_HERE]
    for name in params:
        if name in _NOT_HERE:
            raise ConfigError(f"{where}: params.{name}: cannot be set: {_NOT_HERE[name]}")
        if name not in known:
            hint = nearest(name, known) or f"there are {some(known, 12)}"
            raise ConfigError(f"{where}: params.{name}: RealMLP has no such parameter; {hint}")


def advised(contest: Contest, *, numbers: bool) -> dict[str, Any]:
    """What the library's documentation advises for the contest's metric.

    The epoch is chosen by the root of the squared error or by the absolute error of numbers; by the cross entropy of
    classes, without label smoothing, unless labels are what is scored.
    """
    if numbers:
        return {"val_metric_name": "mae" if contest.metric.name in _ABSOLUTE else "rmse"}
    if contest.metric.wants == "labels":
        return {"val_metric_name": "class_error"}
    return {"val_metric_name": "cross_entropy", "use_ls": False}
