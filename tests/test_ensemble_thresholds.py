"""Thresholds are tuned for the metric itself, on other rows than they are scored on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from outfold.ensemble import nested_thresholds, tune_thresholds
from outfold.ensemble.threshold_candidates import between, middle_of_best
from outfold.ensemble.thresholds import decide, rating_span
from outfold.metrics import get_metric


def rare(n: int = 1500, share: float = 0.05, labels: int = 1, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    y = (rng.random((n, labels)) < share).astype(np.int8)
    outputs = 1 / (1 + np.exp(-(2.5 * y - 3.5 + rng.normal(size=y.shape))))
    return y, outputs.astype(np.float32)


@pytest.mark.parametrize("metric", ["f1", "f2", "mcc", "balanced_accuracy"])
def test_a_rare_class_gets_a_lower_threshold(metric: str) -> None:
    y, outputs = rare()
    bound = get_metric(metric, task="binary")
    found = tune_thresholds(bound, y[:, 0], outputs, task="binary")
    assert found is not None
    assert found.shape == (1,)
    assert found[0] < 0.45
    assert bound.score(y[:, 0], outputs, thresholds=found) > bound.score(y[:, 0], outputs) + 0.02


def test_the_binary_threshold_is_the_best_there_is() -> None:
    y, outputs = rare(150, 0.3)
    metric = get_metric("f1", task="binary")
    every = [metric.score(y[:, 0], outputs, thresholds=t) for t in np.append(outputs[:, 0] - 1e-6, 1)]
    found = tune_thresholds(metric, y[:, 0], outputs, task="binary")
    assert metric.score(y[:, 0], outputs, thresholds=found) == max(every)


def decided(power: float, seed: int) -> float:
    """The threshold of accuracy for 400 rows whose chance is as said, but for a power."""
    rng = np.random.default_rng(seed)
    chance = rng.random(400)
    y = (rng.random(400) < chance).astype(np.int64)
    metric = get_metric("accuracy", task="binary")
    found = tune_thresholds(metric, y, (chance**power).astype(np.float32)[:, None], task="binary")
    assert found is not None
    return float(found[0])


def test_accuracy_is_decided_at_half_unless_another_threshold_is_surely_better() -> None:
    honest = np.array([decided(1.0, seed) for seed in range(20)])
    too_low = np.array([decided(4.0, seed) for seed in range(20)])
    assert np.mean(honest == 0.5) >= 0.5  # the best of 200 candidates by luck is nearly never exactly one half
    assert ((too_low > 0.005) & (too_low < 0.3)).all()  # one half has become a sixteenth


def test_one_positive_in_a_thousand_is_found() -> None:
    n = 100_000
    y = np.zeros(n, dtype=np.int64)
    y[:100] = 1
    outputs = np.linspace(1, 0, n, dtype=np.float32)[:, None] ** 2
    metric = get_metric("f1", task="binary")
    found = tune_thresholds(metric, y, outputs, task="binary")
    assert metric.score(y, outputs, thresholds=found) > 0.9


@pytest.mark.parametrize("metric", ["f2_samples", "f1_samples", "f1_micro", "f1_macro"])
def test_each_tag_gets_its_own_threshold(metric: str) -> None:
    y, outputs = rare(800, 0.2, labels=4)
    outputs[:, 0] **= 3  # a tag whose probabilities are far too low
    bound = get_metric(metric, task="multilabel")
    found = tune_thresholds(bound, y, outputs, task="multilabel")
    assert found is not None
    assert found.shape == (4,)
    assert found[0] < found[1:].min()
    shared = max(bound.score(y, outputs, thresholds=t) for t in np.linspace(0.02, 0.9, 45))
    assert bound.score(y, outputs, thresholds=found) > shared


def test_a_tag_that_never_occurs_keeps_the_shared_threshold() -> None:
    y, outputs = rare(300, 0.3, labels=3)
    y[:, 1] = 0
    found = tune_thresholds(get_metric("f2_samples", task="multilabel"), y, outputs, task="multilabel")
    assert found is not None
    assert 0.05 <= found[1] <= 0.6


def test_cut_points_follow_ratings_that_a_model_has_squeezed() -> None:
    rng = np.random.default_rng(1)
    y = np.clip(np.rint(rng.normal(2, 1.2, size=1000)), 0, 4)
    outputs = (1.2 + 0.3 * y + 0.1 * rng.normal(size=1000)).astype(np.float32)[:, None]
    metric = get_metric("qwk", task="regression")
    found = tune_thresholds(metric, y, outputs, task="regression")
    assert found is not None
    assert found.shape == (4,)
    assert (np.diff(found) >= 0).all()
    assert metric.score(y, outputs) < 0.6
    labels = decide(outputs, found, task="regression", span=rating_span(y, "regression"))
    assert metric.score(y, labels) > 0.95
    assert metric.score(y, labels) == metric.score(y, outputs, thresholds=found)


def test_cut_points_on_the_expected_class_make_up_for_a_model_that_is_too_timid() -> None:
    rng = np.random.default_rng(2)
    y = rng.integers(0, 4, 800)
    away = np.abs(np.arange(4) - (1.5 + 0.4 * (y - 1.5) + 0.15 * rng.normal(size=800))[:, None])
    outputs = np.exp(-2 * away).astype(np.float32)
    outputs /= outputs.sum(axis=1, keepdims=True)
    metric = get_metric("qwk", task="ordinal")
    found = tune_thresholds(metric, y, outputs, task="ordinal")
    assert found is not None and found.shape == (3,) and (np.diff(found) >= 0).all()
    assert metric.score(y, outputs) < 0.8, "the likeliest class is one in the middle"
    labels = decide(outputs, found, task="ordinal")
    assert set(np.unique(labels)) == {0.0, 1.0} and (labels.sum(axis=1) == 1).all()
    assert metric.score(y, labels) == metric.score(y, outputs, thresholds=found) > 0.9


def test_a_class_that_no_tuning_row_has_still_has_a_cut_point_and_is_not_said() -> None:
    y = np.array([1, 1, 2, 2] * 10)
    outputs = np.eye(4, dtype=np.float32)[y] * 0.8 + 0.05
    found = tune_thresholds(get_metric("qwk", task="ordinal"), y, outputs, task="ordinal")
    assert found is not None and found.shape == (3,)
    np.testing.assert_array_equal(decide(outputs, found, task="ordinal").argmax(axis=1), y)


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("auc", "binary"),
        ("accuracy", "multiclass"),
        ("accuracy", "ordinal"),
        ("mae", "ordinal"),
        ("rmse", "regression"),
        ("log_loss", "multilabel"),
    ],
)
def test_a_metric_without_thresholds_gets_none(name: str, task: Any) -> None:
    y = np.array([0, 1, 2, 1])
    assert tune_thresholds(get_metric(name, task=task), y, np.eye(3)[y], task=task) is None


@pytest.mark.parametrize("task", ["binary", "multilabel", "regression", "ordinal"])
def test_a_fold_s_truth_does_not_move_the_thresholds_that_decide_it(task: Any) -> None:
    y, outputs = rare(400, 0.3, labels=3 if task == "multilabel" else 1)
    outputs = np.hstack([1 - outputs, outputs]) if task == "ordinal" else outputs
    metric = get_metric({"binary": "f1", "multilabel": "f2_samples"}.get(task, "qwk"), task=task)
    truth = y if task == "multilabel" else y[:, 0]
    fold = np.arange(400) % 4
    before = nested_thresholds(metric, truth, outputs, fold, task=task)
    other = truth.copy()
    other[fold == 3] = 1 - other[fold == 3]
    after = nested_thresholds(metric, other, outputs, fold, task=task)
    np.testing.assert_array_equal(before.by_fold[3].thresholds, after.by_fold[3].thresholds)
    np.testing.assert_array_equal(before.labels[fold == 3], after.labels[fold == 3])
    assert any(not np.array_equal(before.by_fold[f].thresholds, after.by_fold[f].thresholds) for f in (0, 1, 2))


def test_the_nested_score_is_that_of_the_labels() -> None:
    y, outputs = rare(400, 0.2)
    metric = get_metric("f1", task="binary")
    found = nested_thresholds(metric, y[:, 0], outputs, np.arange(400) % 5, task="binary")
    assert set(np.unique(found.labels)) == {0.0, 1.0}
    assert found.score == metric.score(y[:, 0], found.labels)


def test_the_middle_of_the_longest_plateau_is_taken() -> None:
    limits = np.linspace(0.1, 0.9, 9)
    assert middle_of_best(limits, np.array([5, 1, 5, 5, 5, 1, 5, 5, np.nan]))[0] == pytest.approx(0.4)


def test_thresholds_lie_between_scores() -> None:
    scores = np.array([0.2, 0.8, 0.2, 0.4])
    assert between(scores, 10).tolist() == pytest.approx([0.3, 0.6])
