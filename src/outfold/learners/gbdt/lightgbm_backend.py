"""LightGBM's boosters."""

from __future__ import annotations

import contextlib
import re
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outfold.errors import ConfigError, OutfoldError
from outfold.learners.gbdt.booster import Array, Importance, Settings
from outfold.learners.gbdt.eval_metric import Watched
from outfold.learners.gbdt.lightgbm_params import fitted_to, resolve
from outfold.learners.gbdt.matrix import Rows
from outfold.learners.gbdt.objective import Objective, shares
from outfold.learners.gbdt.runtime import load_lightgbm
from outfold.progress import Bar


class LightGbmBooster:
    """A booster of ``lightgbm``, and the rounds of it that count."""

    def __init__(self, booster: Any, settings: Settings, rounds: int | None = None) -> None:
        self.booster, self.settings, self.rounds = booster, settings, rounds

    def predict(self, features: NDArray[Any]) -> Array:
        """(n, outputs): probabilities, those of classes of sum 1, or values."""
        threads = fitted_to(features)["num_threads"]
        found = self.booster.predict(features, num_iteration=self.rounds, num_threads=threads)
        return outputs_of(np.asarray(found, dtype=np.float64), self.settings)

    def importance(self) -> Importance:
        """The loss that its splits have gained, and how many there are."""
        gain, splits = (self.booster.feature_importance(what, self.rounds) for what in ("gain", "split"))
        return Importance(np.asarray(gain, dtype=np.float64), np.asarray(splits, dtype=np.float64))

    def contributions(self, features: NDArray[Any]) -> Array:
        """(n, outputs, features) SHAP values.

        Raises:
            OutfoldError: trees whose leaves are linear models have none.
        """
        threads = fitted_to(features)["num_threads"]
        try:
            found = self.booster.predict(
                features, num_iteration=self.rounds, pred_contrib=True, num_threads=threads, validate_features=False
            )
        except load_lightgbm().basic.LightGBMError as error:
            raise OutfoldError(f"LightGBM: {error}") from None
        each = np.asarray(found, dtype=np.float64).reshape(len(features), -1, features.shape[1] + 1)
        return np.asarray(each[:, : self.settings.classes or None, :-1])

    def leaves(self) -> int:
        """How many leaves its trees have in all."""
        return int(np.sum(self.booster.feature_importance("split", self.rounds))) + int(self.booster.num_trees())

    def to_bytes(self) -> bytes:
        """As LightGBM's own text."""
        return str(self.booster.model_to_string(num_iteration=self.rounds)).encode("utf-8")


class LightGbm:
    """The library ``lightgbm``."""

    suffix = "txt"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._params = resolve(settings)
        self.stops = self._params.get("boosting") != "dart"
        self._bins: tuple[weakref.ref[NDArray[Any]], Any] | None = None
        metric = self._params.get("metric")
        self.says_no_metric = metric is not None and str(metric).lower() in ("", "none", "null", "na", "custom")

    def train(self, rows: Rows, rounds: int, seed: int, bar: Bar) -> LightGbmBooster:
        """A booster of ``rounds`` rounds; fewer where no tree finds anything more to split.

        Raises:
            ConfigError: LightGBM refuses the parameters.
        """
        with _refusals(self.settings.where):
            params = self._asked(rows, seed)
            data = self._data(rows, params)
            booster = load_lightgbm().train(params, data, rounds, callbacks=[_shown(bar)])
        return LightGbmBooster(booster, self.settings)

    def stop_early(
        self, learn: Rows, choose: Rows, rounds: int, patience: int, seed: int, watched: Watched | None, bar: Bar
    ) -> tuple[LightGbmBooster, int]:
        """Train on ``learn`` until the first metric on ``choose`` has not got better for ``patience`` rounds.

        Raises:
            ConfigError: LightGBM refuses the parameters.
        """
        lightgbm = load_lightgbm()
        stop = lightgbm.early_stopping(patience, first_metric_only=True, verbose=False)
        with _refusals(self.settings.where):
            params = self._asked(learn, seed)
            if self.settings.stop_by is not None:
                params["metric"] = self.settings.stop_by
            feval = None
            if watched is not None:
                params["metric"], feval = "None", _scored(watched, self.settings)
            data = self._data(learn, params)
            booster = lightgbm.train(
                params,
                data,
                rounds,
                valid_sets=[self._data(choose, params, beside=data)],
                feval=feval,
                callbacks=[_shown(bar), stop],
            )
        found = booster.best_iteration or booster.current_iteration()
        return LightGbmBooster(booster, self.settings, found), found

    def load(self, data: bytes) -> LightGbmBooster:
        """The inverse of ``to_bytes``."""
        if b"\nend of trees\n" not in data:  # LightGBM aborts the process at a tree that is cut
            raise ValueError("its trees are cut short")
        return LightGbmBooster(load_lightgbm().Booster(model_str=data.decode("utf-8")), self.settings)

    def _asked(self, rows: Rows, seed: int) -> dict[str, Any]:
        """The parameters of one training."""
        params = fitted_to(rows.whole) | self._params | {"seed": seed}
        if any(rows.monotone):
            params["monotone_constraints"] = list(rows.monotone)
        if self.settings.objective is not None:
            params["objective"] = _slopes(self.settings.objective, rows)
        return params

    def _data(self, rows: Rows, params: dict[str, Any], beside: Any = None) -> Any:
        """As LightGBM's Dataset. Its bins are those of the whole matrix, and made once.

        Args:
            beside: the Dataset whose bins are taken where the rows are of another matrix.
        """
        if beside is not None and self._known(rows.whole) is None:
            data = _dataset(rows, rows.features, params, reference=beside)
        else:
            data = self._binned(rows, params)
            data = data if rows.places is None else data.subset(rows.places)
        return data.construct().set_label(rows.label).set_weight(rows.weight).set_init_score(rows.starts())

    def _binned(self, rows: Rows, params: dict[str, Any]) -> Any:
        """Every row of the matrix that these rows are of; as long as there is that matrix, the same Dataset."""
        data = self._known(rows.whole)
        if data is None:
            data = _dataset(rows, rows.whole, params).construct()
            self._bins = weakref.ref(rows.whole, self._forget), data
        return data

    def _known(self, matrix: NDArray[Any]) -> Any:
        return self._bins[1] if self._bins is not None and self._bins[0]() is matrix else None

    def _forget(self, gone: weakref.ref[NDArray[Any]]) -> None:
        if self._bins is not None and self._bins[0] is gone:
            self._bins = None


def outputs_of(found: Array, settings: Settings) -> Array:
    """(n, outputs) of what a library predicts; the classes of a multiclass task sum to 1."""
    found = found.reshape(len(found), -1)
    if settings.kind != "classes" or settings.objective is not None:
        return found
    found = found[:, : settings.classes]
    return shares(found)


def _dataset(rows: Rows, matrix: NDArray[Any], params: dict[str, Any], reference: Any = None) -> Any:
    # parameters that a training does not share with its Dataset would be refused
    shared = {name: "none" if callable(value) else value for name, value in params.items()}
    names, categories = list(rows.names), list(rows.categorical)
    return load_lightgbm().Dataset(
        matrix, reference=reference, feature_name=names, categorical_feature=categories, params=shared
    )


def _slopes(objective: Objective, rows: Rows) -> Callable[[Any, Any], tuple[Array, Array]]:
    # LightGBM leaves the weights to an objective that is not its own
    label, weight = rows.label, rows.weight
    return lambda raw, _: objective.slopes(label, weight, raw)


def _scored(watched: Watched, settings: Settings) -> Callable[[Any, Any], tuple[str, float, bool]]:
    def score(said: Any, _: Any) -> tuple[str, float, bool]:
        found = outputs_of(np.asarray(said, dtype=np.float64), settings)
        values = found if settings.objective is None else settings.objective.values(found)
        return watched.name, watched.score(values), watched.greater_is_better

    return score


def _shown(bar: Bar) -> Callable[[Any], None]:
    def show(env: Any) -> None:
        watched = {item[1]: f"{item[2]:.5f}" for item in (env.evaluation_result_list or [])[:1]}
        bar.advance(1, **watched)

    return show


@contextlib.contextmanager
def _refusals(where: Path) -> Iterator[None]:
    """LightGBM's own complaints about parameters and labels, as a sentence."""
    try:
        yield
    except load_lightgbm().basic.LightGBMError as error:
        text = re.sub(r" at \S+, line \d+ ?\.?", "", str(error)).strip()
        cuda = "CUDA" in text
        remedy = "LightGBM's wheels have no CUDA: leave `device` out, or build LightGBM with it." if cuda else None
        raise ConfigError(f"{where}: LightGBM refuses: {text}", remedy=remedy) from None
    except ValueError as error:
        if "eval metric" not in str(error):
            raise
        raise ConfigError(
            f"{where}: params.metric: LightGBM knows no metric of this name for this objective",
            remedy="Its metrics: https://lightgbm.readthedocs.io/en/stable/Parameters.html#metric",
        ) from None
