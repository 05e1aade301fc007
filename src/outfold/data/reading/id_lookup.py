"""Where ids stand in an index, by id, without the tables that pandas would make of a million ids, and keep."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def places_of(ids: pd.Index, index: pd.Index) -> NDArray[np.int64]:
    """(n,) the place of each id in an index whose values are distinct; -1 for one that is not there."""
    if ids is index or ids.equals(index):
        return np.arange(len(index))
    if ids.dtype == index.dtype == np.int64 and index.is_monotonic_increasing and len(index):
        found = np.minimum(np.searchsorted(index.to_numpy(), ids.to_numpy()), len(index) - 1)
        return np.where(index.to_numpy()[found] == ids.to_numpy(), found, -1)
    if isinstance(ids.dtype, pd.StringDtype) and isinstance(index.dtype, pd.StringDtype):
        return _of_texts(*(pa.array(one, type=pa.large_string(), from_pandas=True) for one in (ids, index)))
    return np.asarray(index.get_indexer(ids), dtype=np.int64)


def _of_texts(ids: pa.Array, index: pa.Array) -> NDArray[np.int64]:
    """A table is made of the shorter ones, for it costs more than to look into it."""
    if len(ids) > len(index) // 2:
        return np.asarray(pc.index_in(ids, value_set=index).fill_null(-1).to_numpy(), dtype=np.int64)
    found = pc.index_in(index, value_set=ids)
    places = np.full(len(ids), -1)
    places[found.drop_null().to_numpy()] = np.flatnonzero(found.is_valid().to_numpy(zero_copy_only=False))
    return places
