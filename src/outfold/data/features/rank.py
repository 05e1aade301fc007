"""A number as its place among the training rows' values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from outfold.config.learnt_features import Rank
from outfold.data.encoding.table_features import as_number
from outfold.data.features.base import Fitted, Made, Setting, Targets, framed

_QUANTILES = 1001
_OUTERMOST = 1e-7


@dataclass(frozen=True)
class Ranked(Fitted):
    """``Fare.rank``: the share of training values below, as scikit-learn's QuantileTransformer has it.

    Between quantiles there are lines. Values beyond those of training have the ranks of its least and greatest.
    """

    normal: bool

    def fit(self, rows: pd.DataFrame, targets: Targets | None) -> pd.DataFrame:
        """Quantiles at equal steps."""
        values = np.sort(as_number(rows[self.sources[0]]).dropna().to_numpy())
        if len(values) < 2:
            values = np.repeat(values if len(values) else [0.0], 2)
        share = np.linspace(0, 1, min(_QUANTILES, len(values)))
        if len(share) < len(values):
            # a quantile between two values may, by rounding, come out below the one before it
            values = np.maximum.accumulate(np.quantile(values, share))
        return pd.DataFrame({"share": share, "value": values})

    def apply(self, rows: pd.DataFrame, learnt: pd.DataFrame) -> pd.DataFrame:
        """The rank of each row; equal values that cover several quantiles have the middle of them."""
        values = as_number(rows[self.sources[0]]).to_numpy()
        share, found = learnt["share"].to_numpy(), learnt["value"].to_numpy()
        rank = 0.5 * (np.interp(values, found, share) - np.interp(-values, -found[::-1], -share[::-1]))
        if self.normal:
            from scipy.special import ndtri

            rank = ndtri(np.clip(rank, _OUTERMOST, 1 - _OUTERMOST))
        return framed(rows, self.names, [rank])


def build(asked: Rank, setting: Setting) -> list[Ranked]:
    """A step a column.

    Raises:
        ConfigError: a column that is not there, or no number.
    """
    return [
        Ranked((column,), (Made(f"{column}.rank", "number"),), asked.to == "normal")
        for column in setting.numbers(asked.columns)
    ]
