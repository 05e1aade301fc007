"""``train_where``: the training rows that models learn from and are scored on, by a condition on their columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.data.loading.tables import Part
from outfold.data.targets.targets import raw_targets
from outfold.errors import ConfigError, nearest, quoted, some

_KEY = "competition/competition.yaml: train_where"


def rows_to_learn(condition: str, train: Part, targets: Sequence[str]) -> NDArray[np.bool_]:
    """Which training rows fulfil the condition, (n,); a comparison with a missing value is not fulfilled.

    Args:
        condition: as :meth:`pandas.DataFrame.query` takes it, on the columns of the file, the targets among them.
        targets: columns that hold numbers where every value is one.

    Raises:
        ConfigError: it cannot be evaluated (nearest column named), is no yes or no for each row, or leaves no row.
    """
    there = [name for name in targets if name in train.frame.columns]
    frame = train.frame.assign(**raw_targets(train.frame[there]))
    try:
        found = frame.eval(condition, engine="python", local_dict={}, global_dict={})
    except Exception as error:  # whatever Python and pandas raise of a text that somebody wrote
        known = [str(name) for name in frame.columns]
        name = getattr(error, "name", None) or str(error).partition("'")[2].partition("'")[0]
        hint = (nearest(name, known) if name else None) or f"its columns are {some(known, limit=8)}"
        raise ConfigError(
            f"{_KEY}: {quoted(condition)}: {train.path} cannot answer it ({error}); {hint}",
            remedy="Write a condition on its columns, as `train_where: Sales > 0`; names with a space in `backticks`.",
        ) from None
    if not (isinstance(found, pd.Series) and pd.api.types.is_bool_dtype(found)):
        raise ConfigError(
            f"{_KEY}: {quoted(condition)} says no yes or no for each row of {train.path}",
            remedy="Write a comparison: `train_where: Sales > 0`.",
        )
    kept = found.fillna(False).to_numpy(dtype=bool)
    if not kept.any():
        raise ConfigError(f"{_KEY}: {quoted(condition)} holds for none of the {len(kept):,} rows of {train.path}")
    return kept
