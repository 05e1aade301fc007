"""One LightGBM booster: how many rounds it takes, and its training."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from outfold.errors import ConfigError
from outfold.learners.gbdt.runtime import load_lightgbm
from outfold.progress import Bar


@dataclass(frozen=True)
class Rows:
    """What a booster learns from.

    Attributes:
        features: (n, features) float32 or float64, NaN where missing.
        label: (n,).
        weight: (n,), or None where all rows weigh the same.
        names: of the features, as LightGBM can write them.
        categorical: the places of those features that are codes of categories.
    """

    features: np.ndarray
    label: np.ndarray
    weight: np.ndarray | None
    names: Sequence[str]
    categorical: Sequence[int]

    def some(self, places: np.ndarray) -> Rows:
        """These rows only."""
        weight = None if self.weight is None else self.weight[places]
        return Rows(self.features[places], self.label[places], weight, self.names, self.categorical)

    def joined(self, further: Rows | None) -> Rows:
        """These rows and then the others, which have the same features."""
        if further is None:
            return self
        weights = [np.ones(len(rows.label)) if rows.weight is None else rows.weight for rows in (self, further)]
        features, label = np.vstack([self.features, further.features]), np.concatenate([self.label, further.label])
        return Rows(features, label, np.concatenate(weights), self.names, self.categorical)

    def dataset(self, reference: Any = None) -> Any:
        """As LightGBM's Dataset; ``reference``: the one whose bins it is to use."""
        return load_lightgbm().Dataset(
            self.features,
            self.label,
            weight=self.weight,
            reference=reference,
            feature_name=list(self.names),
            categorical_feature=list(self.categorical),
        )


def balanced_weights(label: np.ndarray) -> np.ndarray:
    """A weight for each row, by which every class that is there weighs the same and the mean weight is 1."""
    _, codes, counts = np.unique(label, return_inverse=True, return_counts=True)
    return np.asarray(len(label) / (len(counts) * counts))[codes]


def stopped_early(
    learn: Rows, choose: Rows, params: Mapping[str, Any], rounds: int, patience: int, bar: Bar, where: Path
) -> tuple[Any, int]:
    """Train on ``learn`` until the first metric on ``choose`` has not got better for ``patience`` rounds.

    Returns:
        The booster, and the number of rounds at which that metric was best.

    Raises:
        ConfigError: LightGBM refuses the parameters.
    """
    lightgbm = load_lightgbm()
    dataset = learn.dataset()
    stop = lightgbm.early_stopping(patience, first_metric_only=True, verbose=False)
    with _refusals(where):
        booster = lightgbm.train(
            dict(params),
            dataset,
            rounds,
            valid_sets=[choose.dataset(reference=dataset)],
            callbacks=[_shown(bar), stop],
        )
    return booster, booster.best_iteration or booster.current_iteration()


def trained(rows: Rows, params: Mapping[str, Any], rounds: int, bar: Bar, where: Path) -> Any:
    """A booster of ``rounds`` rounds; fewer where no tree finds anything more to split.

    Raises:
        ConfigError: LightGBM refuses the parameters.
    """
    with _refusals(where):
        return load_lightgbm().train(dict(params), rows.dataset(), rounds, callbacks=[_shown(bar)])


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
        raise ConfigError(f"{where}: LightGBM refuses: {text}") from None
    except ValueError as error:
        if "eval metric" not in str(error):
            raise
        raise ConfigError(
            f"{where}: params.metric: LightGBM knows no metric of this name for this objective",
            remedy="Its metrics: https://lightgbm.readthedocs.io/en/stable/Parameters.html#metric",
        ) from None
