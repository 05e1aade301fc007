"""The paired bootstrap: a difference, how sure it is, and which way is better."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from outfold.ensemble import paired_bootstrap
from outfold.ensemble.compare import explain_disagreement
from outfold.errors import DataError
from outfold.metrics import Metric, get_metric


def values(n: int, noise: float, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n)
    return y, (y + noise * rng.normal(size=n))[:, None]


def test_a_clear_gain_is_sure() -> None:
    y, good = values(400, 0.5)
    bad = good + np.random.default_rng(9).normal(size=good.shape)
    found = paired_bootstrap(get_metric("rmse", task="regression"), y, bad, good, draws=200)
    assert found.p_better == 1
    assert 0 < found.low < found.difference < found.high


def test_the_difference_is_positive_for_better_whichever_way_the_metric_goes() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 300)
    good = np.clip(0.5 + 0.3 * (y - 0.5) + 0.1 * rng.normal(size=300), 0.01, 0.99)[:, None]
    coin = np.full((300, 1), 0.5)
    for name in ("log_loss", "auc", "accuracy"):
        metric = get_metric(name, task="binary")
        there, back = (paired_bootstrap(metric, y, *pair, draws=100) for pair in ((coin, good), (good, coin)))
        assert there.difference > 0
        assert there.difference == pytest.approx(-back.difference)
        assert there.p_better == pytest.approx(1 - back.p_better)
        assert there.low == pytest.approx(-back.high)


def test_the_same_predictions_are_a_coin_toss() -> None:
    y, outputs = values(100, 1.0)
    found = paired_bootstrap(get_metric("rmse", task="regression"), y, outputs, outputs, draws=50)
    assert (found.difference, found.low, found.high, found.p_better) == (0, 0, 0, 0.5)


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("log_loss", "binary"),
        ("log_loss", "multiclass"),
        ("mean_columnwise_log_loss", "multilabel"),
        ("mae", "regression"),
        ("accuracy", "multiclass"),
    ],
)
@pytest.mark.parametrize("grouped", [False, True])
def test_a_mean_over_rows_takes_the_short_way_to_the_same_numbers(name: str, task: Any, grouped: bool) -> None:
    rng = np.random.default_rng(2)
    y: Any = {
        "binary": rng.integers(0, 2, 90),
        "multiclass": rng.integers(0, 3, 90),
        "multilabel": rng.integers(0, 2, (90, 2)).astype(np.int8),
        "regression": rng.normal(size=90),
    }[task]
    width = {"binary": 1, "multiclass": 3, "multilabel": 2, "regression": 1}[task]
    a, b = rng.dirichlet([1.0] * (width + 1), size=(2, 90))[:, :, :width]
    metric = get_metric(name, task=task)
    groups = np.arange(90) // 4 if grouped else None
    # by another name it is a metric like any other, and each draw is scored
    slow = Metric("mine", metric.greater_is_better, metric.wants, metric.tasks, metric.function, task)
    short, long = (paired_bootstrap(m, y, a, b, groups=groups, draws=60, seed=3) for m in (metric, slow))
    for field in ("difference", "low", "high", "p_better"):
        assert getattr(short, field) == pytest.approx(getattr(long, field), abs=1e-9)


def test_groups_make_the_interval_wider() -> None:
    rng = np.random.default_rng(4)
    y = np.repeat(rng.normal(size=40), 10)
    groups = np.repeat(np.arange(40), 10)
    a = (y + np.repeat(rng.normal(size=40), 10))[:, None]
    b = (y + np.repeat(rng.normal(size=40), 10))[:, None]
    metric = get_metric("mae", task="regression")
    alone, whole = paired_bootstrap(metric, y, a, b), paired_bootstrap(metric, y, a, b, groups=groups)
    assert whole.high - whole.low > 2 * (alone.high - alone.low)


def test_the_interval_covers_as_often_as_it_says() -> None:
    metric, covered = get_metric("mae", task="regression"), 0
    truth = np.sqrt(2 / np.pi) * 0.1  # of E|1.1 z| - E|z|
    for seed in range(60):
        rng = np.random.default_rng(seed)
        y = np.zeros(200)
        a, b = 1.1 * rng.normal(size=(200, 1)), rng.normal(size=(200, 1))
        found = paired_bootstrap(metric, y, a, b, draws=200, seed=seed)
        covered += found.low <= truth <= found.high
    assert 51 <= covered <= 60


def test_draws_without_both_classes_are_left_out() -> None:
    y = np.array([0, 0, 0, 0, 1])
    outputs = np.linspace(0.1, 0.9, 5)[:, None]
    found = paired_bootstrap(get_metric("auc", task="binary"), y, 1 - outputs, outputs, draws=100)
    assert 40 < found.draws < 90
    assert found.p_better == 1


def test_rows_of_one_class_have_no_auc() -> None:
    with pytest.raises(DataError, match="not defined on any"):
        paired_bootstrap(get_metric("auc", task="binary"), np.zeros(5, int), np.ones((5, 1)), np.ones((5, 1)), draws=9)


def test_a_gain_that_rests_on_one_row_is_explained() -> None:
    n = 200
    y, a = np.zeros(n), np.full((n, 1), 3.0)
    b = a + 0.01 + 0.1 * np.random.default_rng(0).normal(size=(n, 1))
    b[0] = a[0] - (b[1:] - a[1:]).sum() - 0.001
    found = paired_bootstrap(get_metric("mae", task="regression"), y, a, b, draws=2000)
    assert found.difference > 0 and found.p_better < 0.5
    told = explain_disagreement(found.difference, found.p_better)
    assert told is not None and "disagree" in told and "most draws of the rows are worse" in told


@pytest.mark.parametrize(("gain", "p"), [(0.1, 0.9), (-0.1, 0.2), (0.0, 0.3), (0.1, 0.5)])
def test_where_gain_and_share_of_draws_agree_nothing_is_said(gain: float, p: float) -> None:
    assert explain_disagreement(gain, p) is None
