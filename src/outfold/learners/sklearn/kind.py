"""Whether an estimator answers what a contest asks."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

from outfold.config.competition import Task
from outfold.errors import ConfigError
from outfold.learners.sklearn.fit import tag

_COUNTERPARTS = (("Regressor", "Classifier"), ("SVR", "SVC"))


def check_kind(estimator: Any, path: str, task: Task, where: Path) -> None:
    """Raises ConfigError for a regressor where classes are asked for, the reverse, and what is neither."""
    kind = tag(estimator, "estimator_type") or getattr(estimator, "_estimator_type", None)
    wanted = "regressor" if task == "regression" else "classifier"
    if kind == wanted or (kind is None and (wanted == "regressor" or hasattr(estimator, "predict_proba"))):
        return
    other = _counterpart(path, wanted)
    found = f"a {kind}" if kind else "no classifier: it has no predict_proba"
    raise ConfigError(
        f"{where}: estimator: {path} is {found}; this contest's task is {task}",
        remedy=f"Take {other}." if other else f"Take a {wanted}.",
    )


def _counterpart(path: str, wanted: str) -> str | None:
    """The class beside it that answers the other question."""
    module, _, name = path.rpartition(".")
    for pair in _COUNTERPARTS:
        old, new = pair if wanted == "classifier" else pair[::-1]
        other = name.removesuffix(old) + new
        if name.endswith(old) and inspect.isclass(getattr(importlib.import_module(module), other, None)):
            return f"{module}.{other}"
    return None
