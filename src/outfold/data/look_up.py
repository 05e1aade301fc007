"""Where ids stand in an index, by id, without the objects that pandas would make and keep of a million texts."""

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
    if not (isinstance(ids.dtype, pd.StringDtype) and isinstance(index.dtype, pd.StringDtype)):
        return np.asarray(index.get_indexer(ids), dtype=np.int64)
    wanted, there = (pa.array(one, type=pa.large_string(), from_pandas=True) for one in (ids, index))
    found = pc.index_in(wanted, value_set=there)
    return np.asarray(found.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
