"""Each combiner does what its paper or its name says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outfold.ensemble import blend, get_combiner
from outfold.ensemble.combiners import MeanOf, RankMean
from outfold.ensemble.greedy import Greedy, HillClimb, bootstrap_rows
from outfold.ensemble.objective import auc, objective, subsample
from outfold.ensemble.problem import Problem, valid_outputs, weighted_sum
from outfold.ensemble.simplex import Simplex, log_error_slope, log_loss_slope, squared_error_slope
from outfold.ensemble.solvers import RidgePath, logistic_path
from outfold.ensemble.stack import Stack, from_scale, to_scale
from outfold.metrics import get_metric


def problem_of(y: Any, task: Any, metric: str, *, folds: int = 4, **more: Any) -> Problem:
    return Problem(np.asarray(y), np.arange(len(y)) % folds, task, get_metric(metric, task=task), **more)


def binary(n: int, noise: list[float], seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    logits = [2.0 * y - 1.0 + scale * rng.normal(size=n) for scale in noise]
    return np.array([1 / (1 + np.exp(-z)) for z in logits], dtype=np.float32)[:, :, None], y


def classes(n: int, k: int, noise: list[float], seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    P = []
    for scale in noise:
        powers = np.exp(2.0 * np.eye(k)[y] + scale * rng.normal(size=(n, k)))
        P.append(powers / powers.sum(axis=1, keepdims=True))
    return np.array(P, dtype=np.float32), y


# --- greedy selection -------------------------------------------------------------------------------------------------


def caruana(P: Any, problem: Problem, steps: int, patience: int) -> Any:
    """Greedy selection as the paper words it: every candidate mean is built and given to the metric."""
    bag: list[int] = []
    best, best_bag, since = np.inf, [], 0
    for _ in range(steps):
        losses = [
            problem.metric.loss(problem.y, valid_outputs(P[[*bag, j]].mean(axis=0), problem.task))
            for j in range(len(P))
        ]
        tied = [j for j, loss in enumerate(losses) if loss <= min(losses) + 1e-7 * abs(min(losses))]
        bag = [*bag, next((j for j in tied if j in bag), tied[0])]
        since += 1
        if min(losses) + 1e-7 * abs(min(losses)) < best:
            best, best_bag, since = min(losses), bag, 0
        if since >= patience:
            break
    return np.bincount(best_bag, minlength=len(P)) / len(best_bag)


@pytest.mark.parametrize(
    "task", ["binary-auc", "binary-log_loss", "multiclass-log_loss", "regression-rmse", "regression-mae"]
)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_greedy_selection_is_caruana_s(task: str, seed: int) -> None:
    kind, name = task.split("-")
    rng = np.random.default_rng(seed)
    if kind == "binary":
        P, y = binary(80, [0.8, 1.0, 1.2, 1.5], seed)
    elif kind == "multiclass":
        P, y = classes(80, 3, [0.8, 1.0, 1.2, 1.5], seed)
    else:
        y = rng.normal(size=80)
        P = np.array([y + s * rng.normal(size=80) for s in (0.8, 1.0, 1.2)], dtype=np.float32)[:, :, None]
    problem = problem_of(y, kind, name)
    expected = caruana(P.astype(np.float64), problem, steps=8, patience=3)
    found = Greedy(steps=8, patience=3).fit(P, problem).weights
    # float32 sums may part from the float64 reference where two candidates are a hair apart: then both must be as good
    if not np.allclose(found, expected):
        losses = [problem.metric.loss(y, valid_outputs(weighted_sum(w, P), problem.task)) for w in (found, expected)]
        assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_a_tie_goes_to_a_member_already_taken() -> None:
    P, y = binary(200, [0.8])
    twins = np.concatenate([P, P, P])
    assert Greedy().fit(twins, problem_of(y, "binary", "log_loss")).weights.tolist() == [1, 0, 0]


def test_few_rows_and_ranks_bag_the_greedy_search() -> None:
    y = np.arange(999) % 2
    few, many = problem_of(y, "binary", "auc"), problem_of(np.tile(y, 2), "binary", "auc")
    small, large = get_combiner("mean3", few), get_combiner("mean3", many)
    assert isinstance(small, MeanOf)
    assert isinstance(large, MeanOf)
    assert Greedy(bags=20) in small.combiners
    assert len(small.combiners) == 4
    assert large.combiners == (Greedy(), Simplex(), Stack())
    assert get_combiner("mean3", problem_of(y, "binary", "log_loss")) == large


def test_bagging_spreads_the_weights() -> None:
    P, y = binary(150, [1.0] * 8)
    problem = problem_of(y, "binary", "auc")
    assert (Greedy(bags=20).fit(P, problem).weights > 0).sum() > (Greedy().fit(P, problem).weights > 0).sum()


def test_a_bootstrap_of_groups_draws_them_whole() -> None:
    groups = np.array([0, 0, 0, 1, 1, 2])
    problem = problem_of(np.zeros(6), "regression", "rmse", groups=groups)
    for rows in bootstrap_rows(problem, 10):
        counts = np.bincount(rows, minlength=6)
        assert counts[0] == counts[1] == counts[2]
        assert counts[3] == counts[4]
        assert counts[[0, 3, 5]].sum() == 3


def test_hill_climbing_finds_a_negative_weight() -> None:
    rng = np.random.default_rng(0)
    y, error = rng.normal(size=2000), rng.normal(size=2000)
    P = np.array([y + error, y + 2 * error + 0.1 * rng.normal(size=2000)], dtype=np.float32)[:, :, None]
    weights = HillClimb().fit(P, problem_of(y, "regression", "rmse")).weights
    assert weights is not None
    assert weights[1] < -0.2
    assert weights.sum() == pytest.approx(1)


# --- simplex ----------------------------------------------------------------------------------------------------------


def test_simplex_finds_the_weights_that_made_a_regression() -> None:
    rng = np.random.default_rng(1)
    P = rng.normal(size=(3, 8000, 1)).astype(np.float32)
    y = weighted_sum(np.array([0.5, 0.3, 0.2]), P)[:, 0] + 0.1 * rng.normal(size=8000)
    weights = Simplex().fit(P, problem_of(y, "regression", "rmse")).weights
    np.testing.assert_allclose(weights, [0.5, 0.3, 0.2], atol=0.01)


def test_simplex_finds_the_mixture_that_the_classes_were_drawn_from() -> None:
    rng = np.random.default_rng(2)
    P = rng.dirichlet([0.5] * 4, size=(3, 20_000)).astype(np.float32)
    mixture = weighted_sum(np.array([0.6, 0.4, 0.0]), P)
    y = (rng.random(20_000)[:, None] > mixture.cumsum(axis=1)).sum(axis=1).clip(0, 3)
    weights = Simplex().fit(P, problem_of(y, "multiclass", "log_loss")).weights
    np.testing.assert_allclose(weights, [0.6, 0.4, 0.0], atol=0.03)


@pytest.mark.parametrize("kind", ["log_loss", "squared", "log_error"])
def test_the_gradients_are_the_slopes(kind: str) -> None:
    from scipy.optimize import check_grad

    rng = np.random.default_rng(3)
    values = rng.random((4, 50)) + 0.01
    slope = {
        "log_loss": log_loss_slope(values),
        "squared": squared_error_slope(values @ values.T),
        "log_error": log_error_slope(values, rng.random(50)),
    }[kind]
    weights = rng.dirichlet([1.0] * 4)
    assert check_grad(lambda w: slope(w)[0], lambda w: slope(w)[1], weights) < 1e-4


@pytest.mark.parametrize("combiner", ["ges", "simplex", "mean"])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), members=st.integers(2, 6), kind=st.sampled_from(["binary", "multiclass"]))
def test_weights_are_shares(combiner: str, seed: int, members: int, kind: str) -> None:
    noise = [1.0 + 0.2 * j for j in range(members)]
    P, y = binary(60, noise, seed) if kind == "binary" else classes(60, 3, noise, seed)
    problem = problem_of(y, kind, "log_loss")
    weights = get_combiner(combiner, problem).fit(P, problem).weights
    assert weights is not None
    assert weights.shape == (members,)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)


def test_rmsle_is_followed_in_logs() -> None:
    rng = np.random.default_rng(4)
    y = np.exp(rng.normal(3, 1.5, size=2000))
    good, loud = y * np.exp(0.2 * rng.normal(size=2000)), y * np.exp(0.2 * rng.normal(size=2000))
    loud[np.argsort(y)[-5:]] *= 5  # a few great values that squared errors would see alone
    P = np.array([good, loud], dtype=np.float32)[:, :, None]
    weights = Simplex().fit(P, problem_of(y, "regression", "rmsle")).weights
    assert weights is not None
    assert 0.2 < weights[1] < 0.6
    squared = Simplex().fit(P, problem_of(y, "regression", "rmse")).weights
    assert squared is not None
    assert squared[1] < 0.1


# --- stack ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_the_stack_mends_members_that_are_too_sure(kind: str) -> None:
    if kind == "multiclass":
        P, y = classes(900, 4, [1.0, 1.2, 1.4])
        P = P**4 / (P**4).sum(axis=2, keepdims=True)
    else:
        P, y = binary(900, [1.0, 1.2, 1.4])
        P = P**4 / (P**4 + (1 - P) ** 4)
        if kind == "multilabel":
            P, y = np.concatenate([P, 1 - P], axis=2), np.stack([y, 1 - y], axis=1).astype(np.int8)
    metric, fold = get_metric("log_loss", task=kind), np.arange(900) % 5  # type: ignore[arg-type]
    case: Any = {"names": ["a", "b", "c"], "task": kind, "metric": metric}
    stack = blend(P, y, fold, **case, combiner="stack")
    assert stack.honest < blend(P, y, fold, **case, combiner="mean").honest - 0.02
    assert stack.honest < blend(P, y, fold, **case, combiner="simplex").honest - 0.01


def test_the_stack_takes_off_a_regression_s_bias() -> None:
    rng = np.random.default_rng(5)
    y = rng.normal(size=(500, 2))
    P = np.array([2 * y + 3 + 0.1 * rng.normal(size=y.shape), y - 5 + rng.normal(size=y.shape)], dtype=np.float32)
    metric, fold = get_metric("rmse", task="regression"), np.arange(500) % 5
    result = blend(P, y, fold, names=["a", "b"], task="regression", metric=metric, combiner="stack")
    assert result.honest < 0.06


@pytest.mark.parametrize("scale", ["value", "log", "logit"])
def test_scales_lead_back(scale: str) -> None:
    values = np.linspace(0.001, 0.999, 50)
    np.testing.assert_allclose(from_scale(to_scale(values, scale), scale), values, rtol=1e-9)


@pytest.mark.parametrize("strength", [1e-3, 1.0, 100.0])
def test_logistic_regression_is_scikit_learn_s(strength: float) -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(6)
    X = rng.normal(size=(300, 4))
    y = (X @ [1.0, -1.0, 0.5, 0.0] + rng.normal(size=300) > 0.3).astype(float)
    reference = LogisticRegression(C=strength, tol=1e-10, max_iter=5000).fit(X, y)
    coefficients, intercept = logistic_path(X, y, (1e-3, strength))[-1]
    np.testing.assert_allclose(coefficients, reference.coef_[0], atol=1e-4)
    assert intercept == pytest.approx(reference.intercept_[0], abs=1e-4)


def test_logistic_regression_ends_where_the_classes_are_told_apart_for_certain() -> None:
    X = np.linspace(-1, 1, 40)[:, None]
    coefficients, intercept = logistic_path(X, (X[:, 0] > 0).astype(float), (1e-3, 100.0))[-1]
    assert np.isfinite([*coefficients, intercept]).all()
    assert coefficients[0] > 1


@pytest.mark.parametrize("strength", [1e-3, 1.0, 100.0])
def test_ridge_is_scikit_learn_s(strength: float) -> None:
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(7)
    y = rng.normal(5, 3, size=200)
    P = np.array([y + 10 + rng.normal(size=200), 100 * y + 50 * rng.normal(size=200)])
    path = RidgePath.of(P, y, np.arange(200) % 4)
    coefficients, intercept = path.solve(strength)
    reference = Ridge(alpha=1 / strength).fit(StandardScaler().fit_transform(P.T), y)
    np.testing.assert_allclose(
        P.T @ coefficients + intercept, reference.predict(StandardScaler().fit_transform(P.T)), rtol=1e-6
    )


def test_ridge_s_cross_validation_never_reads_the_scored_part() -> None:
    rng = np.random.default_rng(8)
    y, parts = rng.normal(size=60), np.arange(60) % 3
    P = np.array([y + rng.normal(size=60), rng.normal(size=60)])
    path = RidgePath.of(P, y, parts)
    inside = parts == 1
    Z = (np.vstack([P, y]) - path.centre[:, None]) / path.scale[:, None]
    X, target = np.vstack([Z[:2], np.ones(60)]).T, Z[2]
    for strength, loss in zip([1e-3, 1.0], path.losses(1)[[0, 3]], strict=True):
        penalty = np.diag([1 / strength, 1 / strength, 1e-9])
        w = np.linalg.solve(X[~inside].T @ X[~inside] + penalty, X[~inside].T @ target[~inside])
        assert loss == pytest.approx(((target[inside] - X[inside] @ w) ** 2).sum())


# --- ranks ------------------------------------------------------------------------------------------------------------


def test_rank_averaging_does_not_see_a_member_s_scale() -> None:
    P, y = binary(300, [0.8, 1.2])
    squeezed = np.stack([P[0], P[1] ** 6 / 100])
    problem = problem_of(y, "binary", "auc")
    plain, bent = RankMean().fit(P, problem), RankMean().fit(squeezed, problem)
    np.testing.assert_array_equal(plain.predict(P), bent.predict(squeezed))


def test_test_rows_are_ranked_among_the_out_of_fold_ones() -> None:
    known = np.array([0.1, 0.2, 0.3, 0.4], dtype=np.float32)[None, :, None]
    ranks = RankMean().fit(known, problem_of([0, 1, 0, 1], "binary", "auc"))
    asked = np.array([0.0, 0.2, 0.25, 0.9], dtype=np.float32)[None, :, None]
    assert ranks.predict(asked)[:, 0].tolist() == [0.0, 0.375, 0.5, 1.0]


# --- the fast objectives ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [500, 30_000])
def test_the_fast_auc_is_the_metric_s(rows: int) -> None:
    rng = np.random.default_rng(9)
    y = rng.random(rows) < 0.02
    scores = (rng.normal(size=rows) + y - 0.5).astype(np.float32)  # of both signs
    scores[::7] = scores[0]  # ties
    assert auc(y, scores) == pytest.approx(get_metric("auc").score(y.astype(int), scores[:, None]), abs=2e-6)


@pytest.mark.parametrize(
    ("task", "metric"),
    [
        ("binary", "log_loss"),
        ("binary", "auc"),
        ("multiclass", "log_loss"),
        ("multiclass", "accuracy"),
        ("multiclass", "auc_macro"),
        ("multilabel", "mean_columnwise_auc"),
        ("multilabel", "log_loss"),
    ],
)
def test_the_objective_of_a_mixture_is_the_metric_of_the_mixture(task: str, metric: str) -> None:
    P, y = classes(200, 3, [1.0, 2.0, 3.0]) if task == "multiclass" else binary(200, [1.0, 2.0, 3.0])
    if task == "multilabel":
        P, y = np.concatenate([P, P**2], axis=2), np.stack([y, np.roll(y, 1)], axis=1).astype(np.int8)
    problem = problem_of(y, task, metric)
    goal = objective(P, problem)
    weights = np.array([0.2, 0.3, 0.5])
    found = goal.loss(np.tensordot(weights, goal.matrix, axes=1))
    expected = problem.metric.loss(y, valid_outputs(weighted_sum(weights, P), problem.task))
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_gram_matrix_knows_every_mixture_s_squared_error(outputs: int) -> None:
    rng = np.random.default_rng(10)
    y = rng.normal(1000, 5, size=(100, outputs))
    P = np.array([y + s * rng.normal(size=y.shape) for s in (1, 2, 3)], dtype=np.float32)
    problem = problem_of(y if outputs > 1 else y[:, 0], "regression", "rmse")
    goal = objective(P, problem)
    weights = np.array([1.4, -0.5, 0.1])
    expected = problem.metric.loss(problem.y, weighted_sum(weights, P))
    assert np.sqrt(goal.loss(weights @ goal.matrix)) == pytest.approx(expected, rel=1e-6)


def test_a_subsample_keeps_the_share_of_the_classes() -> None:
    y = np.array([1] * 50 + [0] * 950)
    P = np.arange(1000, dtype=np.float32)[None, :, None]
    some, problem = subsample(P, problem_of(y, "binary", "auc"), 100)
    assert problem.y.sum() == 5
    assert len(problem) == 100
    np.testing.assert_array_equal(problem.y, some[0, :, 0] < 50)  # rows and truth are still side by side
