"""Metrics: each against scikit-learn or the contest's own formula, and the laws that all of them keep."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split

from outfold.errors import ConfigError, DataError
from outfold.metrics import (
    METRICS,
    Metric,
    Task,
    Wants,
    custom_metric,
    default_metric,
    expected_class,
    get_metric,
    to_labels,
)
from outfold.metrics.truth import PER_CLASS, TASKS

Scored = tuple[np.ndarray, np.ndarray]

EVERY = [(name, task) for name in (name.replace("@k", "@3") for name in METRICS) for task in get_metric(name).tasks]


# --- what models really say: held-out predictions on the data sets that scikit-learn ships


def held_out(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(train_test_split(x, y, test_size=0.5, random_state=0))


@pytest.fixture(scope="module")
def predictions() -> dict[Task, Scored]:
    x, x_new, y, y_new = held_out(*load_breast_cancer(return_X_y=True))
    scale = x.std(axis=0) * 20  # weak on purpose: a perfect model would score 1 by any formula
    binary = LogisticRegression().fit(x / scale, y).predict_proba(x_new / scale)[:, 1:]
    found: dict[Task, Scored] = {"binary": (y_new, binary)}

    x, x_new, y, y_new = held_out(*load_digits(return_X_y=True))
    digits = LogisticRegression(C=1e-4).fit(x, y).predict_proba(x_new)
    found["multiclass"] = found["ordinal"] = (y_new, digits)
    tags = [np.isin(np.arange(10), own) for own in ([0, 2, 4, 6, 8], [2, 3, 5, 7], [0, 1, 4, 9])]
    found["multilabel"] = (
        np.stack([own[y_new] for own in tags], axis=1).astype(np.int8),
        np.stack([digits[:, own].sum(axis=1) for own in tags], axis=1),
    )

    x, x_new, y, y_new = held_out(*load_diabetes(return_X_y=True))
    found["regression"] = (y_new, LinearRegression().fit(x, y).predict(x_new)[:, None])
    return found


def hard(task: Task, outputs: np.ndarray) -> np.ndarray:
    if task in PER_CLASS:
        return outputs.argmax(axis=1)
    return (outputs[:, 0] if task == "binary" else outputs) > 0.5


Reference = Callable[[np.ndarray, np.ndarray], float]

FROM_LABELS: list[tuple[str, Task, Reference]] = [
    ("accuracy", "binary", sk.accuracy_score),
    ("accuracy", "multiclass", sk.accuracy_score),
    ("accuracy", "multilabel", sk.accuracy_score),
    ("balanced_accuracy", "binary", sk.balanced_accuracy_score),
    ("balanced_accuracy", "multiclass", sk.balanced_accuracy_score),
    ("f1", "binary", sk.f1_score),
    ("f2", "binary", lambda y, p: sk.fbeta_score(y, p, beta=2)),
    ("f1_macro", "binary", lambda y, p: sk.f1_score(y, p, average="macro")),
    ("f1_macro", "multiclass", lambda y, p: sk.f1_score(y, p, average="macro")),
    ("f1_macro", "multilabel", lambda y, p: sk.f1_score(y, p, average="macro")),
    ("f1_micro", "binary", lambda y, p: sk.f1_score(y, p, average="micro")),
    ("f1_micro", "multiclass", lambda y, p: sk.f1_score(y, p, average="micro")),
    ("f1_micro", "multilabel", lambda y, p: sk.f1_score(y, p, average="micro")),
    ("f1_samples", "multilabel", lambda y, p: sk.f1_score(y, p, average="samples", zero_division=0)),
    ("f2_samples", "multilabel", lambda y, p: sk.fbeta_score(y, p, beta=2, average="samples", zero_division=0)),
    ("mcc", "binary", sk.matthews_corrcoef),
    ("mcc", "multiclass", sk.matthews_corrcoef),
    ("qwk", "binary", lambda y, p: sk.cohen_kappa_score(y, p, weights="quadratic")),
    ("qwk", "multiclass", lambda y, p: sk.cohen_kappa_score(y, p, weights="quadratic")),
]
# without cut points, and for probabilities, the order of the classes does not matter
FROM_LABELS += [(name, "ordinal", reference) for name, task, reference in FROM_LABELS if task == "multiclass"]


def one_versus_rest(function: Reference) -> Reference:
    return lambda y, p: float(np.mean([function(y == c, p[:, c]) for c in range(p.shape[1])]))


FROM_OUTPUTS: list[tuple[str, Task, Reference]] = [
    ("log_loss", "binary", lambda y, p: sk.log_loss(y, p[:, 0])),
    ("log_loss", "multiclass", sk.log_loss),
    ("log_loss", "multilabel", lambda y, p: sk.log_loss(y.ravel(), p.ravel())),
    (
        "mean_columnwise_log_loss",
        "multilabel",
        lambda y, p: np.mean([sk.log_loss(y[:, c], p[:, c]) for c in range(3)]),
    ),
    ("brier", "binary", lambda y, p: sk.brier_score_loss(y, p[:, 0])),
    ("brier", "multiclass", lambda y, p: np.square(p - np.eye(10)[y]).sum(axis=1).mean()),
    ("brier", "multilabel", sk.mean_squared_error),
    ("auc", "binary", lambda y, p: sk.roc_auc_score(y, p[:, 0])),
    ("auc_macro", "multiclass", lambda y, p: sk.roc_auc_score(y, p, multi_class="ovr", average="macro")),
    ("auc_macro", "multilabel", lambda y, p: sk.roc_auc_score(y, p, average="macro")),
    ("mean_columnwise_auc", "multilabel", lambda y, p: sk.roc_auc_score(y, p, average="macro")),
    ("average_precision", "binary", lambda y, p: sk.average_precision_score(y, p[:, 0])),
    ("average_precision", "multiclass", one_versus_rest(sk.average_precision_score)),
    ("average_precision", "multilabel", lambda y, p: sk.average_precision_score(y, p, average="macro")),
    ("gini", "binary", lambda y, p: 2 * sk.roc_auc_score(y, p[:, 0]) - 1),
    ("top_k@3", "multiclass", lambda y, p: sk.top_k_accuracy_score(y, p, k=3)),
    ("rmse", "regression", sk.root_mean_squared_error),
    ("mae", "regression", sk.mean_absolute_error),
    ("mape", "regression", sk.mean_absolute_percentage_error),
    ("rmsle", "regression", sk.root_mean_squared_log_error),
    ("r2", "regression", sk.r2_score),
    ("pearson", "regression", lambda y, p: stats.pearsonr(y, p[:, 0]).statistic),
    ("log_loss", "ordinal", sk.log_loss),
    ("brier", "ordinal", lambda y, p: np.square(p - np.eye(10)[y]).sum(axis=1).mean()),
    ("mae", "ordinal", lambda y, p: sk.mean_absolute_error(y, p @ np.arange(10))),
    ("rmse", "ordinal", lambda y, p: sk.root_mean_squared_error(y, p @ np.arange(10))),
]


@pytest.mark.parametrize(("name", "task", "reference"), FROM_LABELS)
def test_metric_of_labels_is_scikit_learns(
    name: str, task: Task, reference: Reference, predictions: dict[Task, Scored]
) -> None:
    y, outputs = predictions[task]
    score = get_metric(name, task=task).score(y, outputs)
    assert score == pytest.approx(reference(y, hard(task, outputs)), rel=1e-12)
    assert score < 1, "the model must err, or the formulas would not be told apart"


@pytest.mark.parametrize(("name", "task", "reference"), FROM_OUTPUTS)
def test_metric_of_outputs_is_scikit_learns(
    name: str, task: Task, reference: Reference, predictions: dict[Task, Scored]
) -> None:
    y, outputs = predictions[task]
    assert get_metric(name, task=task).score(y, outputs) == pytest.approx(reference(y, outputs), rel=1e-12)


@pytest.mark.parametrize("name", ["auc", "average_precision"])
def test_equal_scores_are_treated_as_by_scikit_learn(name: str, predictions: dict[Task, Scored]) -> None:
    y, outputs = predictions["binary"]
    coarse = np.round(outputs, 1)
    reference = {"auc": sk.roc_auc_score, "average_precision": sk.average_precision_score}[name]
    assert get_metric(name).score(y, coarse) == pytest.approx(reference(y, coarse[:, 0]), rel=1e-12)


def test_every_metric_is_compared_with_a_formula_of_someone_else() -> None:
    by_scikit_learn = {(name, task) for name, task, _ in FROM_LABELS + FROM_OUTPUTS}
    below = {("qwk", "regression"), ("gini", "regression"), ("map@3", "multiclass"), ("map@3", "multilabel")}
    below |= {(name, "regression") for name in ("rmspe", "smape", "mean_columnwise_rmse")}
    assert by_scikit_learn | below == set(EVERY)


# --- the contests' own formulas


def test_log_loss_of_a_sure_mistake_is_kaggles_even_in_float32() -> None:
    wrong = get_metric("log_loss").score([0, 1], np.array([[1.0], [0.0]], dtype=np.float32))
    assert wrong == pytest.approx(-math.log(1e-15), rel=1e-3)  # 1 - (1 - 1e-15) keeps three digits
    assert get_metric("log_loss").score([0, 1], np.float32([[0, 1], [1, 0]])) == pytest.approx(-math.log(1e-15))


def test_log_loss_divides_multiclass_rows_by_their_sum() -> None:
    score = get_metric("log_loss").score([0, 2], [[2.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    assert score == pytest.approx((math.log(2) + math.log(3)) / 2)  # a row of zeros says nothing: 1/3 each


def average_precision_at_k(actual: list[int], predicted: list[int], k: int) -> float:
    """Hamner's reference code, which Kaggle's map@k pages point to."""
    score = hits = 0.0
    for i, p in enumerate(predicted[:k]):
        if p in actual and p not in predicted[:i]:
            hits += 1.0
            score += hits / (i + 1.0)
    return score / min(len(actual), k) if actual else 0.0


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("k", [1, 2, 5, 20])
def test_map_at_k_is_the_reference_code(task: Task, k: int, predictions: dict[Task, Scored]) -> None:
    y, outputs = predictions[task]
    actual = [[c] for c in y] if task == "multiclass" else [np.flatnonzero(row).tolist() for row in y]
    ranked = [sorted(range(len(row)), key=lambda c, row=row: -row[c]) for row in outputs]
    expected = np.mean([average_precision_at_k(a, p, k) for a, p in zip(actual, ranked, strict=True)])
    assert get_metric(f"map@{k}", task=task).score(y, outputs) == pytest.approx(expected, rel=1e-12)


def test_map_at_1_and_top_1_are_the_accuracy(predictions: dict[Task, Scored]) -> None:
    y, outputs = predictions["multiclass"]
    accuracy = get_metric("accuracy", task="multiclass").score(y, outputs)
    assert get_metric("map@1").score(y, outputs) == get_metric("top_k@1").score(y, outputs) == accuracy


@pytest.mark.parametrize("name", ["map@3", "top_k@2"])
def test_a_model_that_says_the_same_of_every_class_is_not_rewarded(name: str) -> None:
    score = get_metric(name, task="multiclass").score([0, 1, 2, 3], np.full((4, 4), 0.25))
    assert score == pytest.approx({"map@3": (1 + 1 / 2 + 1 / 3 + 0) / 4, "top_k@2": 2 / 4}[name])


def test_gini_is_the_insurance_contests_code(predictions: dict[Task, Scored]) -> None:
    def reference(actual: np.ndarray, predicted: np.ndarray) -> float:
        order = np.lexsort((np.arange(len(actual)), -predicted))
        losses = actual[order]
        return float((losses.cumsum() / losses.sum()).sum() - (len(actual) + 1) / 2) / len(actual)

    y, outputs = predictions["regression"]
    expected = reference(y, outputs[:, 0]) / reference(y, y)
    assert get_metric("gini", task="regression").score(y, outputs) == pytest.approx(expected, rel=1e-9)


def test_qwk_of_a_regression_rounds_within_the_range_of_the_truth() -> None:
    y, outputs = np.array([1.0, 2, 3, 4, 4, 1]), np.array([[-3.0], [2.4], [2.6], [9.0], [3.4], [1.2]])
    expected = sk.cohen_kappa_score(y, [1, 2, 3, 4, 3, 1], weights="quadratic")
    assert get_metric("qwk", task="regression").score(y, outputs) == pytest.approx(expected)


def test_qwk_of_a_regression_takes_cut_points() -> None:
    y, outputs = np.array([1.0, 2, 3, 4, 4, 1]), np.array([[0.1], [0.2], [0.3], [0.5], [0.35], [0.3]])
    expected = sk.cohen_kappa_score(y, [1, 2, 3, 4, 3, 3], weights="quadratic")
    score = get_metric("qwk", task="regression").score(y, outputs, thresholds=[0.15, 0.25, 0.4])
    assert score == pytest.approx(expected)


def test_qwk_refuses_truth_that_is_not_a_rating() -> None:
    with pytest.raises(DataError, match=r"holds 1\.5"):
        get_metric("qwk", task="regression").score([1.0, 1.5], [[1.0], [1.5]])


def test_rmspe_ignores_days_without_sales() -> None:
    score = get_metric("rmspe").score([100.0, 0.0, 50.0], [[90.0], [7.0], [60.0]])
    assert score == pytest.approx(math.sqrt((0.1**2 + 0.2**2) / 2))


def test_smape_is_in_percent_and_zero_where_both_are() -> None:
    assert get_metric("smape").score([0.0, 0.0, 3.0], [[0.0], [5.0], [1.0]]) == pytest.approx((0 + 200 + 100) / 3)


def test_rmsle_counts_negative_predictions_as_zero() -> None:
    rmsle = get_metric("rmsle")
    assert rmsle.score([0.0, 3.0], [[-7.0], [3.0]]) == 0
    with pytest.raises(DataError, match="goes down to -1"):
        rmsle.score([-1.0, 3.0], [[0.0], [3.0]])


def test_regression_of_several_columns() -> None:
    y = np.array([[0.0, 10.0], [2.0, 30.0], [1.0, 50.0]])
    outputs = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 70.0]])
    assert get_metric("rmse").score(y, outputs) == pytest.approx(math.sqrt(sk.mean_squared_error(y, outputs)))
    assert get_metric("mean_columnwise_rmse").score(y, outputs) == pytest.approx(sk.root_mean_squared_error(y, outputs))
    assert get_metric("r2").score(y, outputs) == pytest.approx(sk.r2_score(y, outputs))
    each = [stats.pearsonr(y[:, c], outputs[:, c]).statistic for c in range(2)]
    assert get_metric("pearson").score(y, outputs) == pytest.approx(np.mean(each))


# --- laws


GRID = st.integers(0, 16).map(lambda step: step / 16)
"""Probabilities with many ties."""


@st.composite
def scored(draw: st.DrawFn, task: Task) -> Scored:
    n, k = draw(st.integers(1, 12)), draw(st.integers(2, 4))
    width = {"binary": 1, "regression": 1}.get(task, k)
    outputs = draw(hnp.arrays(np.float64, (n, width), elements=GRID))
    if task == "multilabel":
        return draw(hnp.arrays(np.int8, (n, k), elements=st.integers(0, 1))), outputs
    if task == "regression":
        ratings = hnp.arrays(np.float64, n, elements=st.integers(0, 4).map(float))
        return draw(ratings), outputs * 4
    return draw(hnp.arrays(np.int64, n, elements=st.integers(0, k - 1 if task in PER_CLASS else 1))), outputs


def perfect(task: Task, y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    if task in PER_CLASS:
        return np.eye(outputs.shape[1])[y]
    return y.reshape(outputs.shape).astype(np.float64)


def of_task(task: Task) -> list[Metric]:
    return [get_metric(name, task=task) for name, own in EVERY if own == task]


LAWS = settings(max_examples=100, deadline=None)


@pytest.mark.parametrize("task", TASKS)
@LAWS
@given(data=st.data())
def test_the_order_of_the_rows_does_not_matter(task: Task, data: st.DataObject) -> None:
    y, outputs = data.draw(scored(task))
    order = data.draw(st.permutations(range(len(y))))
    for metric in of_task(task):
        moved = metric.score(y[order], outputs[order])
        assert moved == pytest.approx(metric.score(y, outputs), nan_ok=True, abs=1e-12), metric.name


@pytest.mark.parametrize("task", TASKS)
@LAWS
@given(data=st.data())
def test_nothing_beats_the_truth(task: Task, data: st.DataObject) -> None:
    y, outputs = data.draw(scored(task))
    for metric in of_task(task):
        best, other = metric.score(y, perfect(task, y, outputs)), metric.score(y, outputs)
        assert not metric.better(other, best) or other == pytest.approx(best, abs=1e-12), metric.name


@pytest.mark.parametrize("task", TASKS)
@LAWS
@given(data=st.data())
def test_repeating_every_row_changes_nothing(task: Task, data: st.DataObject) -> None:
    y, outputs = data.draw(scored(task))
    for metric in of_task(task):
        twice = metric.score(np.concatenate([y, y]), np.concatenate([outputs, outputs]))
        assert twice == pytest.approx(metric.score(y, outputs), nan_ok=True, abs=1e-12), metric.name


BOUNDS = {"log_loss": (0, math.inf), "mean_columnwise_log_loss": (0, math.inf), "brier": (0, 4), "smape": (0, 200)}
BOUNDS |= dict.fromkeys(("rmse", "mean_columnwise_rmse", "rmsle", "rmspe", "mae", "mape"), (0, math.inf))
BOUNDS |= dict.fromkeys(("mcc", "qwk", "pearson", "gini"), (-1, 1))
BOUNDS |= {"r2": (-math.inf, 1)}


@pytest.mark.parametrize("task", TASKS)
@LAWS
@given(data=st.data())
def test_a_score_is_within_its_bounds_or_nan(task: Task, data: st.DataObject) -> None:
    y, outputs = data.draw(scored(task))
    for metric in of_task(task):
        low, high = BOUNDS.get(metric.name, (0, 1))
        score = metric.score(y, outputs)
        assert math.isnan(score) or low - 1e-9 <= score <= high + 1e-9, metric.name


RISING: list[Callable[[np.ndarray], np.ndarray]] = [np.exp, np.sqrt, lambda p: p**3, lambda p: 100 * p - 7]


@pytest.mark.parametrize(("name", "task"), [(name, task) for name, task in EVERY if get_metric(name).wants == "ranks"])
@LAWS
@given(data=st.data())
def test_a_metric_of_ranks_sees_only_the_order(name: str, task: Task, data: st.DataObject) -> None:
    y, outputs = data.draw(scored(task))
    mapped = data.draw(st.sampled_from(RISING))(outputs)
    metric = get_metric(name, task=task)
    assert metric.score(y, mapped) == pytest.approx(metric.score(y, outputs), nan_ok=True)


@LAWS
@given(scored("binary"))
def test_auc_is_the_share_of_pairs_in_the_right_order(pair: Scored) -> None:
    y, outputs = pair
    gaps = outputs[y == 1] - outputs[y == 0].T
    expected = ((gaps > 0) + 0.5 * (gaps == 0)).mean() if gaps.size else math.nan
    assert get_metric("auc").score(y, outputs) == pytest.approx(expected, nan_ok=True)


@LAWS
@given(scored("binary"))
def test_gini_of_binary_truth_is_twice_the_auc_less_one(pair: Scored) -> None:
    y, outputs = pair
    expected = 2 * get_metric("auc").score(y, outputs) - 1
    assert get_metric("gini", task="binary").score(y, outputs) == pytest.approx(expected, nan_ok=True, abs=1e-12)


@LAWS
@given(scored("multiclass"))
def test_qwk_is_cohens_kappa_from_the_confusion_matrix(pair: Scored) -> None:
    y, outputs = pair
    labels, k = outputs.argmax(axis=1), outputs.shape[1]
    weights = np.square(np.subtract.outer(np.arange(k), np.arange(k)))
    expected = (weights * np.outer(np.bincount(y, minlength=k), np.bincount(labels, minlength=k))).sum() / len(y)
    observed = (weights * sk.confusion_matrix(y, labels, labels=range(k))).sum()
    kappa = 1 - observed / expected if len(set(y)) > 1 else math.nan  # the truth's own fault: see qwk
    assert get_metric("qwk", task="multiclass").score(y, outputs) == pytest.approx(kappa, nan_ok=True, abs=1e-12)


@pytest.mark.filterwarnings("ignore:.*:UserWarning")  # scikit-learn says so when a class is missing
@LAWS
@given(scored("multiclass"))
def test_classes_without_a_row_are_treated_as_by_scikit_learn(pair: Scored) -> None:
    y, outputs = pair
    for name, reference in (
        ("balanced_accuracy", sk.balanced_accuracy_score),
        ("f1_macro", lambda y, p: sk.f1_score(y, p, average="macro", zero_division=0)),
        ("mcc", sk.matthews_corrcoef),
    ):
        score = get_metric(name, task="multiclass").score(y, outputs)
        assert score == pytest.approx(reference(y, outputs.argmax(axis=1)), abs=1e-12), name


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@LAWS
@given(scored("multilabel"))
def test_f_of_empty_rows_and_columns_is_scikit_learns(pair: Scored) -> None:
    y, outputs = pair
    for average in ("macro", "micro", "samples"):
        expected = sk.f1_score(y, outputs > 0.5, average=average, zero_division=0)
        assert get_metric(f"f1_{average}", task="multilabel").score(y, outputs) == pytest.approx(expected)


# --- scores that the rows do not define


@pytest.mark.parametrize("name", ["auc", "gini"])
def test_one_class_alone_has_no_auc(name: str) -> None:
    assert math.isnan(get_metric(name, task="binary").score([1, 1], [[0.2], [0.9]]))


def test_no_positive_has_no_average_precision() -> None:
    assert math.isnan(get_metric("average_precision").score([0, 0], [[0.2], [0.9]]))


@pytest.mark.parametrize("name", ["r2", "pearson", "gini"])
def test_constant_truth_has_no_correlation(name: str) -> None:
    assert math.isnan(get_metric(name, task="regression").score([0.1, 0.1, 0.1], [[1.0], [2.0], [3.0]]))


def test_constant_predictions_have_no_correlation() -> None:
    assert math.isnan(get_metric("pearson").score([1.0, 2.0], [[0.1], [0.1]]))


@pytest.mark.parametrize("name", ["rmspe", "mape"])
def test_relative_error_of_zeros_alone_is_not_defined(name: str) -> None:
    assert math.isnan(get_metric(name).score([0.0, 0.0], [[1.0], [0.0]]))


@pytest.mark.parametrize("name", ["mean_columnwise_auc", "average_precision"])
def test_a_label_that_the_fold_lacks_is_left_out_of_the_mean(name: str) -> None:
    y, outputs = np.array([[1, 0], [0, 0], [1, 0]], dtype=np.int8), np.array([[0.9, 0.5], [0.4, 0.1], [0.3, 0.8]])
    whole, column = get_metric(name, task="multilabel"), get_metric({"mean_columnwise_auc": "auc"}.get(name, name))
    assert whole.score(y, outputs) == column.score(y[:, 0], outputs[:, :1])
    assert math.isnan(whole.score(np.zeros_like(y), outputs))


def test_nan_is_worse_than_any_score() -> None:
    for metric in (get_metric("auc"), get_metric("rmse")):
        assert metric.better(0.1, math.nan)
        assert not metric.better(math.nan, 0.1)
        assert not metric.better(math.nan, math.nan)


# --- direction


def test_better_and_loss_follow_the_direction() -> None:
    auc, rmse = get_metric("auc"), get_metric("rmse")
    assert auc.better(0.9, 0.8) and not auc.better(0.8, 0.9) and not auc.better(0.8, 0.8)
    assert rmse.better(0.8, 0.9) and not rmse.better(0.9, 0.8) and not rmse.better(0.8, 0.8)
    assert auc.loss([0, 1, 0, 1], [[0.1], [0.2], [0.3], [0.4]]) == -0.75
    assert rmse.loss([1.0, 2.0], [[1.5], [2.5]]) == 0.5


# --- labels


def test_one_threshold_a_label() -> None:
    labels = to_labels([[0.3, 0.3], [0.6, 0.9]], task="multilabel", thresholds=[0.2, 0.8])
    assert labels.tolist() == [[1, 0], [1, 1]]


def test_an_output_at_the_threshold_is_below_it() -> None:
    assert to_labels([[0.5], [0.51]], task="binary").ravel().tolist() == [0, 1]


def test_an_output_at_a_cut_point_is_below_it() -> None:
    assert to_labels([1.5, 1.51], task="regression", thresholds=[1.5], span=(1, 2)).tolist() == [1, 2]


def test_float32_outputs_meet_the_threshold_as_float64() -> None:
    third = np.full((1, 1), 0.3, dtype=np.float32)  # 0.30000001
    assert to_labels(third, task="binary", thresholds=0.3) == to_labels(
        third.astype(float), task="binary", thresholds=0.3
    )


def test_thresholds_move_the_score() -> None:
    f1, y, outputs = get_metric("f1"), [0, 1, 1], [[0.1], [0.3], [0.7]]
    assert f1.score(y, outputs) == pytest.approx(2 / 3)
    assert f1.score(y, outputs, thresholds=0.2) == 1
    assert f1.loss(y, outputs, thresholds=[0.2]) == -1


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((1, 4), [1, 2, 3, 4]),  # all ratings occur
        ((2, 4), [1, 2, 3, 4]),  # the fold lacks the lowest: it is told from the cuts
        ((1, 3), [1, 2, 3, 4]),  # or the highest
        (None, [1, 2, 3, 4]),
        ((0, 3), [0, 1, 2, 3]),  # where the truth leaves no choice, it decides
    ],
)
def test_cut_points_keep_their_ratings_in_a_fold_that_lacks_some(
    span: tuple[float, float] | None, expected: list[int]
) -> None:
    labels = to_labels([1.2, 2.2, 3.2, 4.2], task="regression", thresholds=[1.7, 2.4, 3.3], span=span)
    assert labels.tolist() == expected


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=8), st.integers(-3, 3), st.integers(1, 6))
def test_half_way_cuts_are_rounding(outputs: list[float], low: int, steps: int) -> None:
    values, span = np.array(outputs), (float(low), float(low + steps))
    halves = low + 0.5 + np.arange(steps)
    apart = ~np.isin(values, halves)  # exactly half-way, rounding goes to the even rating and a cut to the lower
    cut = to_labels(values[apart], task="regression", thresholds=halves, span=span)
    assert cut.tolist() == to_labels(values[apart], task="regression", span=span).tolist()


@pytest.mark.parametrize(
    ("task", "thresholds", "message"),
    [
        ("multiclass", 0.5, "no meaning for a multiclass"),
        ("multilabel", [0.1, 0.2, 0.3], "3 thresholds for 2 outputs"),
        ("binary", math.nan, "not a number"),
        ("regression", [2.0, 1.0], "ascending"),
        ("regression", [1.0, math.nan], "ascending"),
        ("regression", [], "ascending"),
        ("ordinal", [0.7, 0.2], "ascending"),
        ("ordinal", [0.2, 0.7], "2 cut points make 3 classes, but the target has 2"),
    ],
)
def test_thresholds_that_do_not_fit_are_refused(task: Task, thresholds: Any, message: str) -> None:
    outputs = [[0.1], [0.9]] if task == "binary" else [[0.1, 0.2], [0.3, 0.4]]
    with pytest.raises(ConfigError, match=message):
        to_labels(outputs, task=task, thresholds=thresholds)


@LAWS
@given(data=st.data())
def test_the_cut_of_an_expected_class_lies_between_the_classes_that_may_be(data: st.DataObject) -> None:
    _, outputs = data.draw(scored("ordinal"))
    possible = outputs > 0
    mean = expected_class(outputs)
    assert (mean >= -1e-9).all() and (mean <= outputs.shape[1] - 1 + 1e-9).all()
    halves = 0.5 + np.arange(outputs.shape[1] - 1)
    labels = to_labels(outputs, task="ordinal", thresholds=halves)
    for row in np.flatnonzero(possible.any(axis=1)):
        known = np.flatnonzero(possible[row])
        assert known.min() - 1 < labels[row] < known.max() + 1
    certain = np.eye(outputs.shape[1])
    assert to_labels(certain, task="ordinal", thresholds=halves).tolist() == list(range(len(certain)))


def test_a_doubtful_row_is_cut_between_its_likely_ends() -> None:
    torn = [[0.4, 0.2, 0.4], [0.6, 0.0, 0.4]]
    assert to_labels(torn, task="ordinal").tolist() == [0, 0]
    assert to_labels(torn, task="ordinal", thresholds=[0.5, 1.5]).tolist() == [1, 1]
    assert to_labels(torn, task="ordinal", thresholds=[0.9, 1.5]).tolist() == [1, 0]


def test_too_few_cut_points_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 cut points make 3 ratings, but the truth goes from 1 to 8") as error:
        get_metric("qwk", task="regression").score([1.0, 8.0], [[1.0], [8.0]], thresholds=[2, 3])
    assert "Give 7 cut points" in str(error.value)


def test_thresholds_for_a_metric_without_labels_are_refused() -> None:
    with pytest.raises(ConfigError, match="auc is computed from ranks"):
        get_metric("auc").score([0, 1], [[0.1], [0.9]], thresholds=0.4)


def test_a_missing_output_does_not_become_a_label() -> None:
    with pytest.raises(DataError, match="1 outputs are missing"):
        to_labels([[0.2], [math.nan]], task="binary")


# --- what is refused, and how it is said


@pytest.mark.parametrize(
    ("name", "y", "outputs", "message"),
    [
        ("auc", [0, 1, 1], [[0.1], [math.nan], [math.nan]], "outputs of 2 of 3 rows is missing"),
        ("auc", [0, math.nan], [[0.1], [0.2]], "truth of 1 of 2 rows is missing"),
        ("rmse", [0.5, math.inf], [[0.1], [0.2]], "truth of 1 of 2 rows is missing or infinite"),
        ("f1_samples", [[0, 1], [1, 1]], [[0.1, math.nan], [0.2, 0.2]], "outputs of 1 of 2 rows"),
        ("auc", [0, 1], [[0.1], [0.2], [0.3]], r"\(2,\) beside outputs of shape \(3, 1\)"),
        ("auc", [0, 1], [0.1, 0.2], r"outputs of shape \(2,\), expected \(n,\) and \(n, 1\)"),
        ("auc", [0, 1], [[0.1, 0.9], [0.2, 0.8]], r"outputs of shape \(2, 2\)"),
        ("rmse", [[1.0, 2.0]], [[1.0]], r"\(1, 2\) beside outputs of shape \(1, 1\)"),
        ("auc", [], np.empty((0, 1)), "nothing to score"),
        ("auc", [0, 1, 2, 2], [[0.1]] * 4, "truth of 2 of 4 rows is not 0 or 1 .first: 2"),
        ("auc", [0, 0.5], [[0.1]] * 2, "truth of 1 of 2 rows is not 0 or 1"),
        ("log_loss", [0, 3, -1], [[0.2, 0.3, 0.5]] * 3, "2 of 3 rows is not a class code from 0 to 2"),
        ("auc", np.array(["a", "b"]), [[0.1], [0.2]], "of type <U1, expected numbers"),
        ("auc", np.array([0, "b"], dtype=object), [[0.1], [0.2]], "not numbers, such as 'b'"),
        ("auc", pd.array([0, None], dtype="Int64"), [[0.1], [0.2]], "truth of 1 of 2 rows is missing"),
        ("auc", np.array([0, None], dtype=object), [[0.1], [0.2]], "not numbers, such as None"),
    ],
)
def test_data_that_cannot_be_scored_is_refused(name: str, y: Any, outputs: Any, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        get_metric(name).score(y, outputs)
    assert str(error.value).startswith(f"{name}: ")


def test_truth_may_be_of_any_type_that_says_the_same() -> None:
    auc, outputs = get_metric("auc"), np.array([[0.1], [0.4], [0.3]])
    kinds = ([0, 1, 1], [False, True, True], [0.0, 1.0, 1.0], pd.Series([0, 1, 1]), pd.array([0, 1, 1], dtype="Int64"))
    assert {auc.score(y, outputs) for y in kinds} == {1.0}


def test_scoring_leaves_the_arrays_alone(predictions: dict[Task, Scored]) -> None:
    for name, task in EVERY:
        y, outputs = (array.copy() for array in predictions[task])
        y = np.round(y / 100) if name == "qwk" and task == "regression" else y
        before = y.tobytes(), outputs.tobytes()
        get_metric(name, task=task).score(y, outputs)
        assert (y.tobytes(), outputs.tobytes()) == before, name


# --- by name


def test_every_name_makes_a_metric_of_that_name() -> None:
    for name in METRICS:
        if not name.endswith("@k"):
            assert get_metric(name).name == name
    assert get_metric("map@7").name == "map@7"


@pytest.mark.parametrize(("wrong", "hint"), [("logloss", "log_loss"), ("rmsel", "rmsle"), ("mapk@5", "map@k")])
def test_an_unknown_name_is_answered_with_the_nearest(wrong: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"unknown metric '{wrong}': did you mean .*{hint}"):
        get_metric(wrong)


@pytest.mark.parametrize("name", ["map@", "map@0", "map@k", "map@-1", "map@2.5"])
def test_map_needs_a_number(name: str) -> None:
    with pytest.raises(ConfigError, match="whole number above 0"):
        get_metric(name)


def test_a_metric_of_another_task_is_refused_with_those_that_fit() -> None:
    with pytest.raises(ConfigError, match="rmse is not defined for a binary task, only for ordinal and") as error:
        get_metric("rmse", task="binary")
    assert "Metrics for binary: accuracy, " in str(error.value)
    assert "mae" not in str(error.value)


@pytest.mark.parametrize("task", TASKS)
def test_the_default_metric_fits_its_task(task: Task) -> None:
    assert task in get_metric(default_metric(task), task=task).tasks


def test_the_task_is_inferred_where_it_was_not_said(predictions: dict[Task, Scored]) -> None:
    for name, task in EVERY:
        y, outputs = predictions[task]
        y = np.round(y / 100) if name == "qwk" and task == "regression" else y
        assert get_metric(name).score(y, outputs) == get_metric(name, task=task).score(y, outputs), (name, task)


def test_a_task_that_was_said_is_not_inferred() -> None:
    y, outputs, cuts = [0, 1, 1], [[0.1], [0.5], [0.9]], [0.3, 0.95]
    assert get_metric("qwk", task="regression").score(y, outputs, thresholds=cuts) == 1  # ratings, of which none is 2
    with pytest.raises(ConfigError, match="2 thresholds for 1 outputs"):
        get_metric("qwk").score(y, outputs, thresholds=cuts)


def test_a_metric_can_be_sent_to_another_process() -> None:
    for name, task in EVERY:
        metric = get_metric(name, task=task)
        assert pickle.loads(pickle.dumps(metric)).name == metric.name


# --- one's own


def profit(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return float((y_pred * (2 * y_true - 1)).sum())


def test_a_custom_metric_gets_labels_if_it_wants_them() -> None:
    metric = custom_metric(profit, "profit", wants="labels")
    assert metric.score([1, 0, 1, 0], [[0.9], [0.8], [0.7], [0.1]]) == 1
    assert metric.score([1, 0, 1, 0], [[0.9], [0.8], [0.7], [0.1]], thresholds=0.85) == 1
    assert metric.score([1, 0, 1, 0], [[0.9], [0.8], [0.7], [0.1]], thresholds=0.75) == 0


def test_a_custom_metric_says_for_itself_what_it_is() -> None:
    def cost(y_true: np.ndarray, y_pred: np.ndarray) -> float:
        assert y_pred.dtype.kind == "i"
        return float((y_true != y_pred).sum())

    cost.greater_is_better = False  # type: ignore[attr-defined]
    cost.wants = "labels"  # type: ignore[attr-defined]
    metric = custom_metric(cost, "cost", greater_is_better=True, wants="values")
    assert (metric.greater_is_better, metric.wants) == (False, "labels")
    assert metric.better(1, 2)
    assert metric.loss([0, 2], [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]) == 1


@pytest.mark.parametrize(
    ("task", "y", "outputs", "shapes"),
    [
        ("binary", [0, 1], [[0.1], [0.2]], ((2,), (2,))),
        ("multiclass", [0, 1], [[0.1, 0.9], [0.2, 0.8]], ((2,), (2, 2))),
        ("multilabel", [[0], [1]], [[0.1], [0.2]], ((2, 1), (2, 1))),
        ("regression", [0.5, 1.0], [[0.1], [0.2]], ((2,), (2,))),
        ("regression", [[0.5], [1.0]], [[0.1], [0.2]], ((2,), (2,))),
        ("regression", [[0.5, 1.0]], [[0.1, 0.2]], ((1, 2), (1, 2))),
    ],
)
def test_the_shapes_that_a_custom_metric_gets(task: Task, y: Any, outputs: Any, shapes: Any) -> None:
    seen = []
    custom_metric(lambda y, p: seen.append((y.shape, p.shape)) or 0.0, "seen", task=task).score(y, outputs)
    assert seen == [shapes]


def test_a_custom_metric_that_sorts_its_input_does_no_harm() -> None:
    def careless(y_true: np.ndarray, y_pred: np.ndarray) -> float:
        y_true.sort()
        y_pred[:] = 0
        return 0.0

    y, outputs = np.array([3.0, 1.0]), np.array([[0.4], [0.6]])
    custom_metric(careless, "careless", task="regression").score(y, outputs)
    assert y.tolist() == [3.0, 1.0] and outputs.ravel().tolist() == [0.4, 0.6]


def test_a_custom_metric_that_returns_no_number_is_named() -> None:
    metric = custom_metric(lambda y, p: None, "silent")
    with pytest.raises(ConfigError, match="metric silent returned NoneType, expected one number"):
        metric.score([0, 1], [[0.1], [0.2]])


def test_a_custom_metric_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="wants = 'classes', expected one of probabilities, labels, ranks, values"):
        custom_metric(profit, "profit", wants="classes")  # type: ignore[arg-type]


def test_a_custom_metric_can_be_sent_to_another_process() -> None:
    metric: Metric = pickle.loads(pickle.dumps(custom_metric(profit, "profit")))
    kinds: tuple[Wants, ...] = get_args(Wants)
    assert metric.wants in kinds
    assert metric.score([1, 0], [[0.5], [0.25]]) == 0.25
