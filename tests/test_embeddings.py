"""The pieces of a network of tables: codes, look-ups and dropout, each beside the plain form of it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from outfold.data.encoding.column_view import ByColumn
from outfold.data.encoding.table_codes import TableCodes
from outfold.training.dropout import Dropout, dropout
from outfold.training.embeddings import Embeddings, embedding_width

pytestmark = pytest.mark.usefixtures("one_thread")
KINDS = {"continuous": ["size"], "categorical": ["shop"], "dates": ["date"]}


def table(**columns: list[object]) -> ByColumn:
    base = {
        "shop": ["2", "10", None, "2"],
        "size": [1.0, np.nan, 3.0, 5.0],
        "date": pd.to_datetime(["2020-01-31", "2020-02-01", None, "2021-02-01"]),
    }
    return ByColumn.of(pd.DataFrame({**base, **columns}))


def test_the_width_rules_are_fastai_s() -> None:
    assert [embedding_width("fastai_07", n) for n in (2, 3, 8, 99, 1116)] == [1, 2, 4, 50, 50]
    assert [embedding_width("fastai_2", n) for n in (2, 3, 8, 1116, 10**6)] == [2, 3, 5, 81, 600]
    assert embedding_width(7, 3) == 7


def test_codes_count_from_one_and_nought_is_missing_or_unseen() -> None:
    fitted, codes, numbers = TableCodes.fit(table(), None, **KINDS)
    names = list(fitted.levels)
    assert fitted.levels["shop"].names == ("10", "2") and fitted.levels["shop"].counts == (1, 1, 2)
    assert list(codes[:, names.index("shop")]) == [2, 1, 0, 2]
    # a missing date has no parts; whether a number was missing is a category
    parts = [place for place, name in enumerate(names) if name.startswith("date.") and "missing" not in name]
    assert len(parts) > 5 and (codes[2, parts] == 0).all() and (codes[0, parts] > 0).all()
    assert list(codes[:, names.index("size (missing)")]) == [1, 2, 1, 1]
    assert list(fitted.standard.columns) == ["size", "date.seconds"] and numbers.dtype == np.float32
    np.testing.assert_allclose(numbers.mean(axis=0), 0, atol=1e-6)

    later, _ = fitted.apply(table(shop=[2.0, 99.0, np.nan, 10.0], size=[1.0] * 4), None, **KINDS)
    assert list(later[:, names.index("shop")]) == [2, 0, 0, 1], "numbers that gaps have made fractions keep their codes"


def test_a_number_that_is_there_or_not_and_else_the_same_is_a_category_alone() -> None:
    fitted, codes, numbers = TableCodes.fit(table(size=[7.0, np.nan, 7.0, 7.0]), None, **KINDS)
    assert list(fitted.standard.columns) == ["date.seconds"] and numbers.shape == (4, 1)
    place = list(fitted.levels).index("size (missing)")
    assert list(codes[:, place]) == [1, 2, 1, 1]
    later, seen = fitted.apply(table(size=[-1e9, 7.0, np.nan, 1e9]), None, **KINDS)
    assert list(later[:, place]) == [1, 1, 2, 1] and np.abs(seen).max() < 10


def test_what_is_learnt_comes_back_from_json() -> None:
    fitted, codes, numbers = TableCodes.fit(table(), None, **KINDS)
    again = TableCodes.from_json(json.loads(json.dumps(fitted.to_json())))
    for one, other in zip((codes, numbers), again.apply(table(), None, **KINDS), strict=True):
        np.testing.assert_array_equal(one, other)


def test_one_look_up_gives_the_vectors_and_gradients_of_one_a_column() -> None:
    categories, widths = [5, 3, 9], [4, 1, 3]
    fused = Embeddings(categories, widths)
    plain = nn.ModuleList(nn.Embedding.from_pretrained(fused.of(place).clone(), freeze=False) for place in range(3))
    codes = torch.stack([torch.arange(12) % count for count in categories], dim=1)
    seen = fused(fused.addresses(codes))
    wanted = torch.cat([one(codes[:, place]) for place, one in enumerate(plain)], dim=1)
    torch.testing.assert_close(seen, wanted)
    pull = torch.randn(seen.shape, generator=torch.manual_seed(0))
    (seen * pull).sum().backward()
    (wanted * pull).sum().backward()
    assert fused.weight.grad is not None
    gradients = torch.cat([one.weight.grad.flatten() for one in plain])  # type: ignore[union-attr]
    torch.testing.assert_close(fused.weight.grad.flatten(), gradients)
    assert fused.width == 8 and not fused.of(1)[0].any()


@settings(max_examples=15, deadline=None)
@given(rate=st.floats(0.001, 0.4), seed=st.integers(0, 10**6))
def test_dropout_leaves_out_its_share_and_keeps_the_mean(rate: float, seed: int) -> None:
    torch.manual_seed(seed)
    values = torch.ones(400, 100, requires_grad=True)
    seen = dropout(values, rate)
    seen.sum().backward()
    share = float((seen == 0).float().mean())
    assert abs(share - rate) < 6 * np.sqrt(rate * (1 - rate) / values.numel())
    torch.testing.assert_close(seen[seen != 0], torch.full_like(seen[seen != 0], 1 / (1 - rate)))
    torch.testing.assert_close(values.grad, seen.detach(), msg="what is dropped has no gradient")
    # neither rows nor columns are dropped together
    assert (seen == 0).float().mean(dim=0).max() < rate + 6 * np.sqrt(rate / 400) + 0.02


def test_dropout_comes_from_torch_s_generator_and_does_nothing_to_predictions() -> None:
    layer, values = Dropout(0.05), torch.randn(50, 40)
    torch.manual_seed(3)
    first, second = layer(values), layer(values)
    torch.manual_seed(3)
    assert torch.equal(layer(values), first) and not torch.equal(first, second)
    assert torch.equal(layer.eval()(values), values)
