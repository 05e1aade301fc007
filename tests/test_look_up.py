"""Where ids stand in an index: as pandas says it, whatever the ids are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outfold.data.reading.id_lookup import places_of

NUMBERS = st.integers(-(2**63), 2**63 - 1)
KINDS = {
    "numbers": (NUMBERS, lambda values: pd.Index(values, dtype="int64")),
    "texts": (st.text(max_size=3), lambda values: pd.Index(pd.Series(values, dtype="str"))),
    "objects": (st.text(max_size=3), lambda values: pd.Index(values, dtype="object")),
}


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_any_ids_are_found_where_they_stand(kind: str, data: st.DataObject) -> None:
    values, index_of = KINDS[kind]
    there = data.draw(st.lists(values, unique=True, max_size=20))
    wanted = data.draw(st.lists(st.sampled_from(there) | values if there else values, unique=True, max_size=20))
    for order in (there, sorted(there)):
        index = index_of(order)
        expected = [order.index(one) if one in order else -1 for one in wanted]
        assert places_of(index_of(wanted), index).tolist() == expected


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_stands_where_it_stands_in_itself(kind: str) -> None:
    index = KINDS[kind][1]([3, 1, 2] if kind == "numbers" else ["c", "a", "b"])
    assert places_of(index, index).tolist() == places_of(index.copy(), index).tolist() == [0, 1, 2]


def test_numbers_are_not_texts() -> None:
    assert places_of(pd.Index(["1", "2"]), pd.Index(np.arange(3))).tolist() == [-1, -1]
