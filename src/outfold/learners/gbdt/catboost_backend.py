"""CatBoost's boosters."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.errors import ConfigError, OutfoldError
from outfold.learners.gbdt.booster import Array, Importance, Settings
from outfold.learners.gbdt.catboost_params import EXPONENTS, resolve
from outfold.learners.gbdt.eval_metric import Watched
from outfold.learners.gbdt.lightgbm_backend import outputs_of
from outfold.learners.gbdt.matrix import Rows
from outfold.learners.gbdt.objective import Objective, shares, sigmoid, softmax
from outfold.learners.optional_imports import load_extra
from outfold.progress import Bar
from outfold.threads import thread_count

_UNKNOWN = -1
"""The category of a missing value, and of one that was never seen."""
_ASIDE = ("train_finish_time", "model_guid", "training")
"""What CatBoost writes into a model beside it: the time of day, which no two trainings share, and each round's loss, of
which it cannot read back one that is infinite."""
_ALL_CONSTANT = "All features are either constant or ignored"
"""CatBoost's refusal of rows from which no split can be made."""
_CONSTANT_ROUNDS = 300
_log = logging.getLogger("outfold.catboost")


class CatBooster:
    """A booster of ``catboost``."""

    def __init__(self, booster: Any, settings: Settings, loss: str) -> None:
        self.booster, self.settings, self.loss = booster, settings, loss

    def predict(self, features: NDArray[Any]) -> Array:
        """(n, outputs): probabilities, those of classes of sum 1, or values."""
        said = self.booster.predict(self._pool(features), prediction_type=self._form(), thread_count=thread_count())
        found = np.asarray(said, dtype=np.float64)
        if self._form() == "Probability" and self.settings.kind != "classes":
            found = found[:, 1]
        return outputs_of(found, self.settings)

    def importance(self) -> Importance:
        """How much predictions change with each feature on average, in percent; its splits are not told."""
        return Importance(np.asarray(self.booster.get_feature_importance(type="PredictionValuesChange")), None)

    def contributions(self, features: NDArray[Any]) -> Array:
        """(n, outputs, features) SHAP values.

        Raises:
            OutfoldError: CatBoost has none for such trees.
        """
        try:
            found = self.booster.get_feature_importance(
                self._pool(features), type="ShapValues", thread_count=thread_count()
            )
        except _library().CatBoostError as error:
            raise OutfoldError(f"CatBoost: {_sentence(error)}") from None
        return np.asarray(found, dtype=np.float64).reshape(len(features), -1, features.shape[1] + 1)[:, :, :-1]

    def leaves(self) -> int:
        """How many leaves its trees have in all."""
        return int(np.sum(self.booster.get_tree_leaf_counts()))

    def to_bytes(self) -> bytes:
        """As CatBoost's own binary file, without the story of its training."""
        metadata = self.booster.get_metadata()
        for name in _ASIDE:
            if name in metadata:
                del metadata[name]
        with tempfile.TemporaryDirectory(prefix="outfold-") as folder:
            path = Path(folder) / "model.cbm"
            self.booster.save_model(str(path), format="cbm")
            return path.read_bytes()

    def _form(self) -> str:
        if self.settings.objective is not None:
            return "RawFormulaVal"
        if self.settings.kind != "number" or self.loss in ("Logloss", "CrossEntropy"):
            return "Probability"
        return "Exponent" if self.loss in EXPONENTS else "RawFormulaVal"

    def _pool(self, features: NDArray[Any]) -> Any:
        categorical = list(self.booster.get_cat_feature_indices())
        return _library().Pool(_table(features, categorical), cat_features=categorical, thread_count=thread_count())


class CatBoost:
    """The library ``catboost``."""

    suffix = "cbm"
    stops = True
    says_no_metric = False

    def __init__(self, settings: Settings) -> None:
        load_extra("catboost", "CatBoost", settings.where)
        if settings.objective is not None and settings.kind == "classes":
            raise ConfigError(
                f"{settings.where}: objective: CatBoost asks a function of several classes for one row at a time",
                remedy="Use library: lightgbm or xgboost, or leave the objective to CatBoost.",
            )
        self.settings = settings
        self._params = resolve(settings)
        self._loss = str(self._params["loss_function"]).partition(":")[0]

    def train(self, rows: Rows, rounds: int, seed: int, bar: Bar) -> CatBooster:
        """A booster of ``rounds`` rounds.

        Raises:
            ConfigError: CatBoost refuses the parameters.
        """
        return self._fitted(self._asked(rows, rounds, seed), rows, bar)

    def stop_early(
        self, learn: Rows, choose: Rows, rounds: int, patience: int, seed: int, watched: Watched | None, bar: Bar
    ) -> tuple[CatBooster, int]:
        """Train on ``learn`` until the metric on ``choose`` has not got better for ``patience`` rounds.

        Raises:
            ConfigError: CatBoost refuses the parameters.
        """
        params = self._asked(learn, rounds, seed)
        if self.settings.stop_by is not None:
            params["eval_metric"] = self.settings.stop_by
        if watched is not None:
            params["eval_metric"] = _Scored(watched, self.settings, self._loss)
        booster = self._fitted(
            params, learn, bar, eval_set=self._pool(choose), early_stopping_rounds=patience, use_best_model=True
        )
        return booster, int(booster.booster.tree_count_)

    def load(self, data: bytes) -> CatBooster:
        """The inverse of ``to_bytes``."""
        booster = _library().CatBoost()
        booster.load_model(blob=data)
        return CatBooster(booster, self.settings, self._loss)

    def _asked(self, rows: Rows, rounds: int, seed: int) -> dict[str, Any]:
        params = {"thread_count": thread_count()} | self._params | {"random_seed": seed, "iterations": rounds}
        if any(rows.monotone):
            params["monotone_constraints"] = list(rows.monotone)
        if self.settings.objective is not None:
            params["loss_function"] = _Slopes(self.settings.objective)
            params.setdefault("eval_metric", "RMSE" if self.settings.kind == "number" else "Logloss")
            for name in ("allow_const_label", "class_names"):
                params.pop(name, None)
        return params

    def _pool(self, rows: Rows) -> Any:
        categorical = list(rows.categorical)
        return _library().Pool(
            _table(rows.features, categorical),
            rows.label,
            weight=rows.weight,
            baseline=rows.starts(),
            cat_features=categorical,
            thread_count=thread_count(),
        )

    def _fitted(self, params: dict[str, Any], rows: Rows, bar: Bar, **more: Any) -> CatBooster:
        with _refusals(self.settings.where):
            try:
                booster = self._trained(params, rows, bar, **more)
            except _library().CatBoostError as error:
                if _ALL_CONSTANT not in str(error):
                    raise
                booster = self._trained(self._constant_params(params), _two_valued(rows), bar)
        return CatBooster(booster, self.settings, self._loss)

    def _trained(self, params: dict[str, Any], rows: Rows, bar: Bar, **more: Any) -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Failed to import numba")
            booster = _library().CatBoost(params | {"logging_level": "Silent"})
            callbacks = None if params.get("task_type") == "GPU" else [_Shown(bar)]
            booster.fit(self._pool(rows), callbacks=callbacks, log_cout=io.StringIO(), log_cerr=_Log(), **more)
        return booster

    def _constant_params(self, params: dict[str, Any]) -> dict[str, Any]:
        """Parameters that fit the best constant prediction of the loss to the rows of :func:`_two_valued`."""
        kept = ["loss_function", "thread_count", "random_seed", "class_names", "classes_count", "task_type", "devices"]
        if self.settings.objective is not None:
            kept.append("eval_metric")
        # the Newton step of Huber's loss has no curvature far from the target, and never starts
        method = {"leaf_estimation_method": "Gradient"} if self._loss == "Huber" else {}
        return (
            {name: params[name] for name in kept if name in params}
            | method
            | {
                "allow_const_label": True,
                "allow_writing_files": False,
                "iterations": _CONSTANT_ROUNDS,
                "learning_rate": 1.0,
                "depth": 1,
                "l2_leaf_reg": 0.0,
                "bootstrap_type": "No",
                "random_strength": 0.0,
                "boosting_type": "Plain",
                "one_hot_max_size": 255,
            }
        )


class _Slopes:
    """The user's objective as CatBoost calls it: on pieces of the rows, for the way up."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective

    def calc_ders_range(self, approxes: Any, targets: Any, weights: Any) -> list[tuple[float, float]]:
        label = np.asarray(targets, dtype=np.float64)
        label = label if self.objective.kind == "number" else label.astype(np.int64)
        weight = None if weights is None or not len(weights) else np.asarray(weights, dtype=np.float64)
        gradient, hessian = self.objective.slopes(label, weight, np.asarray(approxes, dtype=np.float64))
        return list(zip((-gradient).tolist(), (-hessian).tolist(), strict=True))


class _Scored:
    """A metric of ours as CatBoost calls it."""

    def __init__(self, watched: Watched, settings: Settings, loss: str) -> None:
        self.watched, self.settings, self.loss = watched, settings, loss

    def is_max_optimal(self) -> bool:
        return self.watched.greater_is_better

    def evaluate(self, approxes: Any, target: Any, weight: Any) -> tuple[float, float]:
        raw = np.stack([np.asarray(one, dtype=np.float64) for one in approxes], axis=1)
        if len(raw) != len(self.watched.truth):
            return 0.0, 1.0  # the training rows, which choose nothing
        return self.watched.score(self._values(raw)), 1.0

    def get_final_error(self, error: float, weight: float) -> float:
        return error

    def _values(self, raw: Array) -> Array:
        if self.settings.objective is not None:
            return self.settings.objective.values(raw)
        kind = self.settings.kind
        if kind == "classes":
            return shares(sigmoid(raw)) if self.loss == "MultiClassOneVsAll" else softmax(raw)
        if kind == "binary" or self.loss in ("Logloss", "CrossEntropy"):
            return sigmoid(raw)
        return np.exp(raw) if self.loss in EXPONENTS else raw


class _Shown:
    def __init__(self, bar: Bar) -> None:
        self.bar = bar

    def after_iteration(self, info: Any) -> bool:
        watched = list((info.metrics or {}).get("validation", {}).items())[:1]
        self.bar.advance(1, **{str(name): f"{values[-1]:.5f}" for name, values in watched})
        return True


class _Log:
    """CatBoost's warnings are details of one training: kept for those who ask for them."""

    def write(self, text: str) -> None:
        if text.strip():
            _log.info(text.strip())

    def flush(self) -> None:
        pass


def _two_valued(rows: Rows) -> Rows:
    """The rows twice, the first feature once 0 and once 1: every split leaves the same targets on both sides.

    CatBoost refuses rows whose features are all constant. Trees on these rows predict the same value for any row, the
    constant that the other libraries give.
    """
    first = np.zeros((len(rows), rows.whole.shape[1]), dtype=rows.whole.dtype)
    second = first.copy()
    second[:, 0] = 1
    problem, weight = rows.problem, rows.weight
    twice = replace(
        problem,
        y=np.concatenate([problem.y, problem.y]),
        counts=None if weight is None else np.concatenate([weight, weight]),
        balanced=False,
    )
    return replace(rows, whole=np.concatenate([first, second]), problem=twice, monotone=(), places=None)


def _library() -> Any:
    return load_extra("catboost", "CatBoost")


def _table(features: NDArray[Any], categorical: list[int]) -> Any:
    """As CatBoost takes it: categories are whole numbers, which a matrix of fractions cannot hold."""
    if not categorical:
        return features
    columns: dict[int, NDArray[Any]] = dict(enumerate(features.T))
    for place in categorical:
        columns[place] = np.nan_to_num(features[:, place], nan=_UNKNOWN).astype(np.int32)
    return pd.DataFrame(columns, copy=False)


@contextlib.contextmanager
def _refusals(where: Path) -> Iterator[None]:
    """CatBoost's own complaints about parameters and labels, as a sentence."""
    try:
        yield
    except _library().CatBoostError as error:
        raise ConfigError(f"{where}: CatBoost refuses: {_sentence(error)}") from None


def _sentence(error: Exception) -> str:
    """The complaint without the place in the source."""
    first, _, rest = str(error).strip().partition(": ")
    return rest if first.rpartition(":")[2].isdigit() else f"{first}: {rest}" if rest else first
