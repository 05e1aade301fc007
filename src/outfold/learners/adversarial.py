"""Adversarial validation: can a model tell test rows from training rows, and by which columns?

Where it can, scores from random folds of the training rows say little about the test set.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.contest import Contest
from outfold.data.encoding.column_view import ByColumn
from outfold.data.encoding.table_features import Encoding, plain_names
from outfold.learners.gbdt.runtime import load_lightgbm
from outfold.progress import Reporter
from outfold.threads import thread_count

FOLDS, ROUNDS, MOST_ROWS = 3, 60, 20_000
"""Enough for a verdict in seconds; of larger parts so many rows are drawn, by a seed."""

PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.8,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


class Verdict(NamedTuple):
    """What adversarial validation found.

    Attributes:
        auc: out of fold, of telling test rows from training rows; 0.5: they look alike.
        shares: by column, its share of the models' gain; date parts count for their column.
    """

    auc: float
    shares: pd.Series


def adversarial_validation(contest: Contest, reporter: Reporter, seed: int = 0) -> Verdict | None:
    """Train LightGBM to tell the contest's parts apart by the columns that have a role; None without such columns."""
    roles = contest.roles
    if not (roles.continuous or roles.categorical or roles.dates) or min(len(contest.train), len(contest.test)) < 20:
        return None
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    lightgbm = load_lightgbm()
    rng = np.random.default_rng(seed)
    columns = [*roles.continuous, *roles.categorical, *roles.dates]
    drawn = [_drawn(part[columns], rng) for part in (contest.train, contest.test)]
    rows = pd.concat(drawn, ignore_index=True)
    table = ByColumn.of(rows)
    encoding = Encoding.fit(table, continuous=roles.continuous, categorical=roles.categorical, dates=roles.dates)
    features = encoding.apply(table)
    matrix, y = features.to_numpy(np.float64), np.repeat([0, 1], [len(part) for part in drawn])
    names = plain_names([str(name) for name in features.columns])
    categories = [place for place, name in enumerate(features.columns) if name in roles.categorical]
    found, gains = np.zeros(len(y)), np.zeros(matrix.shape[1])
    parameters = {**PARAMETERS, "seed": seed, "num_threads": thread_count()}
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with reporter.bar("adversarial validation", FOLDS, "folds") as bar:
        for learn, judge in folds.split(matrix, y):
            data = lightgbm.Dataset(matrix[learn], y[learn], feature_name=names, categorical_feature=categories)
            booster = lightgbm.train(parameters, data, ROUNDS)
            found[judge] = booster.predict(matrix[judge])
            gains += booster.feature_importance("gain")
            bar.advance(1)
    return Verdict(
        float(roc_auc_score(y, found)), _by_column([str(name) for name in features.columns], gains, roles.dates)
    )


def _drawn(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    if len(rows) <= MOST_ROWS:
        return rows
    return rows.iloc[np.sort(rng.choice(len(rows), MOST_ROWS, replace=False))]


def _by_column(names: list[str], gains: NDArray[np.float64], dates: list[str]) -> pd.Series:
    """The share of each column, the largest first."""
    owners = [next((date for date in dates if name.startswith(f"{date}.")), name) for name in names]
    sums = pd.Series(gains, index=owners).groupby(level=0).sum().sort_values(ascending=False, kind="stable")
    return sums / (float(sums.sum()) or 1.0)
