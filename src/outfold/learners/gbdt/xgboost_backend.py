"""XGBoost's boosters."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outfold.errors import ConfigError, OutfoldError
from outfold.learners.gbdt.booster import Array, Importance, Settings
from outfold.learners.gbdt.eval_metric import Watched
from outfold.learners.gbdt.lightgbm_backend import outputs_of
from outfold.learners.gbdt.matrix import Rows
from outfold.learners.gbdt.objective import Objective
from outfold.learners.gbdt.xgboost_params import resolve
from outfold.learners.optional_imports import load_extra
from outfold.progress import Bar
from outfold.threads import thread_count

_CHOOSE = "choose"


class XgBooster:
    """A booster of ``xgboost``."""

    def __init__(self, booster: Any, settings: Settings) -> None:
        self.booster, self.settings = booster, settings

    def predict(self, features: NDArray[Any]) -> Array:
        """(n, outputs): probabilities, those of classes of sum 1, or values."""
        found = self.booster.predict(self._matrix(features), output_margin=self.settings.objective is not None)
        return outputs_of(np.asarray(found, dtype=np.float64), self.settings)

    def importance(self) -> Importance:
        """The loss that its splits have gained, and how many there are."""
        gain, splits = (self._by_feature(what) for what in ("total_gain", "weight"))
        return Importance(gain, splits)

    def contributions(self, features: NDArray[Any]) -> Array:
        """(n, outputs, features) SHAP values.

        Raises:
            OutfoldError: XGBoost has none for such trees.
        """
        try:
            found = self.booster.predict(self._matrix(features), pred_contribs=True)
        except _library().core.XGBoostError as error:
            raise OutfoldError(f"XGBoost: {_first_line(error)}") from None
        return np.asarray(found, dtype=np.float64).reshape(len(features), -1, features.shape[1] + 1)[:, :, :-1]

    def leaves(self) -> int:
        """How many leaves its trees have in all."""
        splits = self.importance().splits
        assert splits is not None
        return int(splits.sum()) + int(self.booster.num_boosted_rounds())

    def to_bytes(self) -> bytes:
        """As XGBoost's own binary JSON."""
        return bytes(self.booster.save_raw("ubj"))

    def _by_feature(self, what: str) -> Array:
        found = self.booster.get_score(importance_type=what)
        return np.array([found.get(name, 0.0) for name in self.booster.feature_names or []], dtype=np.float64)

    def _matrix(self, features: NDArray[Any]) -> Any:
        return _library().DMatrix(
            features,
            feature_names=self.booster.feature_names,
            feature_types=self.booster.feature_types,
            enable_categorical=True,
            nthread=thread_count(),
        )


class XgBoost:
    """The library ``xgboost``."""

    suffix = "ubj"
    says_no_metric = False

    def __init__(self, settings: Settings) -> None:
        load_extra("xgboost", "XGBoost", settings.where)
        self.settings = settings
        self._params = resolve(settings)
        self.stops = self._params.get("booster") != "dart"

    def train(self, rows: Rows, rounds: int, seed: int, bar: Bar) -> XgBooster:
        """A booster of ``rounds`` rounds.

        Raises:
            ConfigError: XGBoost refuses the parameters.
        """
        with _refusals(self.settings.where):
            booster = _library().train(
                self._asked(rows, seed),
                self._dataset(rows),
                rounds,
                obj=_slopes(self.settings.objective, rows),
                callbacks=[_shown(bar)],
            )
        return XgBooster(booster, self.settings)

    def stop_early(
        self, learn: Rows, choose: Rows, rounds: int, patience: int, seed: int, watched: Watched | None, bar: Bar
    ) -> tuple[XgBooster, int]:
        """Train on ``learn`` until the last metric on ``choose`` has not got better for ``patience`` rounds.

        Raises:
            ConfigError: XGBoost refuses the parameters.
        """
        library = _library()
        params = self._asked(learn, seed)
        stop: dict[str, Any] = {"rounds": patience, "data_name": _CHOOSE}
        if self.settings.stop_by is not None:
            params["eval_metric"] = self.settings.stop_by
        if watched is not None:
            params.pop("eval_metric", None)
            params["disable_default_eval_metric"] = 1
            stop |= {"metric_name": watched.name, "maximize": watched.greater_is_better}
        with _refusals(self.settings.where):
            dataset = self._dataset(learn)
            booster = library.train(
                params,
                dataset,
                rounds,
                evals=[(self._dataset(choose, reference=dataset), _CHOOSE)],
                obj=_slopes(self.settings.objective, learn),
                custom_metric=None if watched is None else _scored(watched, self.settings),
                verbose_eval=False,
                callbacks=[library.callback.EarlyStopping(**stop), _shown(bar)],
            )
        found = int(booster.best_iteration) + 1
        return XgBooster(booster[:found], self.settings), found

    def load(self, data: bytes) -> XgBooster:
        """The inverse of ``to_bytes``."""
        booster = _library().Booster({"nthread": thread_count()})
        booster.load_model(bytearray(data))
        return XgBooster(booster, self.settings)

    def _asked(self, rows: Rows, seed: int) -> dict[str, Any]:
        params = {"nthread": thread_count()} | self._params | {"seed": seed}
        if any(rows.monotone):
            params["monotone_constraints"] = tuple(rows.monotone)
        if self.settings.objective is not None:
            del params["objective"]
            params["base_score"] = 0.0
        return params

    def _dataset(self, rows: Rows, reference: Any = None) -> Any:
        """As XGBoost's matrix; ``reference``: the one whose bins it is to use."""
        more: dict[str, Any] = {}
        kind = _library().DMatrix
        if self._params["tree_method"] in ("hist", "auto"):
            kind = _library().QuantileDMatrix  # bins at once: no second copy of the features
            more = {"ref": reference, "max_bin": self._params.get("max_bin", 256)}
        return kind(
            rows.features,
            rows.label,
            weight=rows.weight,
            base_margin=rows.starts(),
            feature_names=list(rows.names),
            feature_types=["c" if place in set(rows.categorical) else "q" for place in range(len(rows.names))],
            enable_categorical=True,
            nthread=self._params.get("nthread", thread_count()),
            **more,
        )


def _library() -> Any:
    return load_extra("xgboost", "XGBoost")


def _slopes(objective: Objective | None, rows: Rows) -> Callable[[Any, Any], tuple[Array, Array]] | None:
    if objective is None:
        return None
    # XGBoost leaves the weights to an objective that is not its own
    label, weight = rows.label, rows.weight
    return lambda raw, _: objective.slopes(label, weight, raw)


def _scored(watched: Watched, settings: Settings) -> Callable[[Any, Any], tuple[str, float]]:
    def score(said: Any, _: Any) -> tuple[str, float]:
        found = outputs_of(np.asarray(said, dtype=np.float64).reshape(len(watched.truth), -1), settings)
        values = found if settings.objective is None else settings.objective.values(found)
        return watched.name, watched.score(values)

    return score


def _shown(bar: Bar) -> Any:
    callback = importlib.import_module("xgboost.callback")

    class Shown(callback.TrainingCallback):  # type: ignore[name-defined]
        def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, list[Any]]]) -> bool:
            metrics = list(evals_log.get(_CHOOSE, {}).items())[-1:]
            bar.advance(1, **{name: f"{float(values[-1]):.5f}" for name, values in metrics})
            return False

    return Shown()


@contextlib.contextmanager
def _refusals(where: Path) -> Iterator[None]:
    """XGBoost's own complaints about parameters and labels, as a sentence."""
    try:
        yield
    except _library().core.XGBoostError as error:
        raise ConfigError(f"{where}: XGBoost refuses: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    """The complaint without the time, the place in the source, and the stack."""
    line = str(error).strip().splitlines()[0]
    return line.rpartition(".cc:")[2].partition(": ")[2] or line
