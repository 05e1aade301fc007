"""The honest score: what predicts a row never saw the row's truth, and a gain that is not there is not reported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outfold.ensemble import COMBINERS, blend
from outfold.ensemble.combiners import Uniform
from outfold.errors import ConfigError, MismatchError
from outfold.metrics import get_metric

CASES = [
    ("binary", "auc"),
    ("binary", "log_loss"),
    ("binary", "f1"),
    ("multiclass", "log_loss"),
    ("multiclass", "accuracy"),
    ("multilabel", "mean_columnwise_log_loss"),
    ("multilabel", "f2_samples"),
    ("regression", "rmse"),
    ("regression", "mae"),
    ("regression", "rmsle"),
    ("regression", "qwk"),
    ("regressions", "mean_columnwise_rmse"),
]


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def members_for(task: str, metric: str = "", n: int = 240, members: int = 3, seed: int = 0) -> dict[str, Any]:
    """Noisy members of one truth, of growing noise, with a shared part (as snapshots of one model have)."""
    rng = np.random.default_rng(seed)
    noise = [0.8 + 0.3 * j for j in range(members)]
    if task == "multiclass":
        y: Any = rng.integers(0, 4, n)
        shared = rng.normal(size=(n, 4))
        logits = [1.5 * np.eye(4)[y] + 0.5 * shared + s * rng.normal(size=(n, 4)) for s in noise]
        P = [np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) for z in logits]
    elif task in ("binary", "multilabel"):
        k = 1 if task == "binary" else 3
        truth = rng.random((n, k)) < 0.35
        shared = rng.normal(size=(n, k))
        P = [sigmoid(2 * truth - 1.2 + 0.5 * shared + s * rng.normal(size=(n, k))) for s in noise]
        y = truth[:, 0].astype(np.int64) if task == "binary" else truth.astype(np.int8)
    else:
        k = 2 if task == "regressions" else 1
        truth = np.clip(np.rint(rng.normal(2, 1.2, size=(n, k))), 0, 4)
        P = [0.3 + 0.8 * truth + 0.5 * s * rng.normal(size=(n, k)) for s in noise]
        y = truth[:, 0] if k == 1 else truth
    task = "regression" if task == "regressions" else task
    return {
        "P": np.array(P, dtype=np.float32),
        "y": y,
        "fold": rng.permutation(n) % 4,
        "names": [f"model{j}" for j in range(members)],
        "task": task,
        "metric": get_metric(metric, task=task) if metric else None,  # type: ignore[arg-type]
    }


@pytest.mark.parametrize(("task", "metric"), CASES)
def test_a_fold_s_truth_has_no_say_in_what_predicts_the_fold(task: str, metric: str) -> None:
    case = members_for(task, metric)
    before = blend(**case)
    inside = case["fold"] == 2
    case["y"] = case["y"].copy()
    case["y"][inside] = case["y"][inside][::-1]
    after = blend(**case)
    np.testing.assert_array_equal(before.oof[inside], after.oof[inside])
    assert not np.array_equal(before.oof[~inside], after.oof[~inside])  # where it may have a say, it has


@pytest.mark.parametrize("combiner", sorted(COMBINERS))
def test_no_combiner_lets_a_fold_s_truth_through(combiner: str) -> None:
    case = members_for("binary", "auc")
    before = blend(**case, combiner=combiner)
    inside = case["fold"] == 1
    case["y"] = np.where(inside, 1 - case["y"], case["y"])
    np.testing.assert_array_equal(before.oof[inside], blend(**case, combiner=combiner).oof[inside])


@pytest.mark.parametrize("combiner", ["ges", "stack", "mean3"])
def test_noise_looks_better_in_sample_and_honestly_is_not(combiner: str) -> None:
    rng = np.random.default_rng(3)
    n = 1200
    P = rng.random((15, n, 1)).astype(np.float32)
    y, fold = rng.integers(0, 2, n), np.arange(n) % 4
    names = [f"noise{j}" for j in range(15)]
    result = blend(P, y, fold, names=names, task="binary", metric=get_metric("auc"), combiner=combiner)
    assert result.in_sample > result.best_score
    assert result.optimism > 0.02
    assert result.gain < 0


def test_optimism_is_positive_for_losses_too() -> None:
    rng = np.random.default_rng(4)
    n = 300
    y = rng.normal(size=n)
    P = rng.normal(size=(20, n, 1)).astype(np.float32)
    names = [f"noise{j}" for j in range(20)]
    fold = np.arange(n) % 3
    result = blend(P, y, fold, names=names, task="regression", metric=get_metric("rmse"), combiner="stack")
    assert result.in_sample < result.honest
    assert result.optimism == pytest.approx(result.honest - result.in_sample)


@pytest.mark.parametrize(("task", "metric"), CASES)
def test_a_real_gain_over_the_best_member_is_reported(task: str, metric: str) -> None:
    result = blend(**members_for(task, metric, n=600, members=4))
    assert result.gain > 0
    assert result.best_name == "model0"  # the one with the least noise
    assert result.best_score == max(result.member_scores) or result.best_score == min(result.member_scores)


def test_the_blend_is_compared_with_the_mean_of_a_pipeline_s_members_and_not_with_one_of_them() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=400)
    seeds = [y + rng.normal(0, 1.0, 400) for _ in range(5)]
    alone = y + rng.normal(0, 0.8, 400)
    P = np.stack([*seeds, alone])[:, :, None].astype(np.float32)
    fold = np.where(np.arange(400) < 8, -1, np.arange(400) % 4)
    names = [*(f"cnn/seed{number}" for number in range(5)), "gbdt/0"]
    case = {"task": "regression", "metric": get_metric("rmse"), "combiner": "mean"}
    result = blend(P, y, fold, names=names, pipelines=[*["cnn"] * 5, "gbdt"], **case)
    mean = P[:5].mean(axis=0)
    scored = fold >= 0
    assert result.best_name == "cnn"
    assert result.best_score == pytest.approx(np.sqrt(((mean[scored, 0] - y[scored]) ** 2).mean()), rel=1e-5)
    assert result.best_score < min(result.member_scores)
    assert result.best[scored] == pytest.approx(mean[scored], abs=1e-6) and np.isnan(result.best[~scored]).all()
    assert result.gain == pytest.approx(result.best_score - result.honest)
    assert blend(P, y, fold, names=names, **case).best_name == "gbdt/0"


def test_the_honest_score_is_that_of_the_nested_predictions() -> None:
    case = members_for("multiclass", "log_loss")
    result = blend(**case)
    assert result.honest == pytest.approx(case["metric"].score(case["y"], result.oof))
    for fold, score in result.honest_per_fold.items():
        rows = case["fold"] == fold
        assert score == pytest.approx(case["metric"].score(case["y"][rows], result.oof[rows]))
    assert sorted(result.honest_per_fold) == [0, 1, 2, 3]


@pytest.mark.parametrize(("task", "metric"), CASES)
def test_one_member_comes_back_as_it_is(task: str, metric: str) -> None:
    case = members_for(task, metric, members=1)
    result = blend(**case)
    np.testing.assert_array_equal(result.oof, result.predict(case["P"]))
    np.testing.assert_allclose(result.oof, case["P"][0], atol=1e-6)
    assert result.gain == 0
    if result.decide.facts() is None:
        assert result.optimism == 0


def test_rows_that_no_model_predicted_are_left_out() -> None:
    case = members_for("binary", "log_loss")
    known = blend(**case)
    extra = {**case, "P": np.concatenate([case["P"], np.full((3, 7, 1), np.nan, np.float32)], axis=1)}
    extra["y"] = np.concatenate([case["y"], np.ones(7, dtype=np.int64)])
    extra["fold"] = np.concatenate([case["fold"], np.full(7, -1)])
    result = blend(**extra)
    assert result.honest == known.honest
    assert np.isnan(result.oof[-7:]).all()
    np.testing.assert_array_equal(result.oof[:-7], known.oof)


def test_a_holdout_is_nested_within_itself() -> None:
    case = members_for("binary", "auc", members=12)
    case["fold"] = np.where(case["fold"] == 0, 0, -1)
    result = blend(**case, combiner="stack")
    assert list(result.honest_per_fold) == [0]
    assert result.honest_per_fold[0] == result.honest
    assert result.in_sample > result.honest


def test_a_holdout_keeps_groups_whole() -> None:
    case = members_for("binary", "log_loss", members=5)
    groups = np.arange(len(case["y"])) // 12
    case["fold"][:] = 0
    first = blend(**case, groups=groups, combiner="stack")
    of_group = groups == 3
    case["y"] = np.where(of_group, 1 - case["y"], case["y"])
    np.testing.assert_array_equal(first.oof[of_group], blend(**case, groups=groups, combiner="stack").oof[of_group])


def test_one_fold_of_one_group_is_refused() -> None:
    case = members_for("binary", "auc")
    case["fold"][:] = 0
    with pytest.raises(MismatchError, match="one fold and one group"):
        blend(**case, groups=np.zeros(len(case["y"])))


@pytest.mark.parametrize(("task", "metric"), [("binary", "auc"), ("multiclass", "log_loss"), ("regression", "rmse")])
def test_the_same_seed_gives_the_same_bits(task: str, metric: str) -> None:
    case = members_for(task, metric)
    first, second = blend(**case, seed=5), blend(**case, seed=5)
    np.testing.assert_array_equal(first.oof, second.oof)
    np.testing.assert_array_equal(first.predict(case["P"]), second.predict(case["P"]))


def test_combiners_are_fitted_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    import scipy.optimize  # noqa: F401  # brings a BLAS of its own
    from threadpoolctl import threadpool_info, threadpool_limits

    seen: list[int] = []

    class Witness(Uniform):
        def fit(self, P: Any, problem: Any) -> Any:
            seen.extend(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
            return super().fit(P, problem)

    monkeypatch.setitem(COMBINERS, "mean", lambda problem: Witness())
    with threadpool_limits(limits=2, user_api="blas"):
        blend(**members_for("regression", "rmse"), combiner="mean")
    assert seen
    assert set(seen) == {1}


@pytest.mark.parametrize("combiner", sorted(COMBINERS))
def test_a_row_s_prediction_does_not_depend_on_the_rows_beside_it(combiner: str) -> None:
    case = members_for("binary", "auc")
    result = blend(**case, combiner=combiner)
    np.testing.assert_array_equal(result.predict(case["P"])[10:13], result.predict(case["P"][:, 10:13]))


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("combiner", ["mean3", "hill_climb"])
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_probabilities_stay_probabilities(task: str, combiner: str, seed: int) -> None:
    metric = "mean_columnwise_log_loss" if task == "multilabel" else "log_loss"
    case = members_for(task, metric, n=60, seed=seed)
    result = blend(**case, combiner=combiner)
    assert result.oof.dtype == np.float32
    assert result.oof.min() >= 0
    assert result.oof.max() <= 1
    if task == "multiclass":
        np.testing.assert_allclose(result.oof.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("combiner", ["mean3", "ges", "simplex", "stack"])
@pytest.mark.parametrize(("task", "metric"), [("binary", "auc"), ("multiclass", "log_loss"), ("regression", "rmse")])
def test_constant_and_identical_members_do_no_harm(task: str, metric: str, combiner: str) -> None:
    case = members_for(task, metric, members=1)
    flat = np.full_like(case["P"][0], 1 / case["P"].shape[2] if task == "multiclass" else 0.5)
    case["P"] = np.stack([case["P"][0], case["P"][0], flat])
    case["names"] = ["a", "twin", "flat"]
    result = blend(**case, combiner=combiner)
    assert np.isfinite(result.oof).all()
    assert result.gain > -0.02 * abs(result.best_score)


@pytest.mark.parametrize("combiner", ["mean3", "ges", "simplex", "stack", "hill_climb"])
def test_a_class_that_only_one_fold_has(combiner: str) -> None:
    case = members_for("multiclass", "log_loss")
    lonely = case["y"] == 3
    case["fold"] = np.where(lonely, 0, case["fold"])
    result = blend(**case, combiner=combiner)
    assert np.isfinite(result.honest)
    binary = members_for("binary", "auc")
    binary["fold"] = binary["y"].copy()  # outside each fold, all rows are of one class
    assert np.isfinite(blend(**binary, combiner=combiner).oof).all()


@pytest.mark.parametrize(("task", "metric"), CASES)
def test_a_handful_of_rows_is_enough(task: str, metric: str) -> None:
    case = members_for(task, metric, n=6)
    case["fold"] = np.arange(6) % 2
    assert np.isfinite(blend(**case).oof).all()


def test_a_missing_prediction_is_refused_by_member_and_row() -> None:
    case = members_for("binary", "auc")
    case["P"][1, 17] = np.nan
    with pytest.raises(MismatchError, match=r"model1: 1 of 240 rows .*row 17"):
        blend(**case)


def test_margins_are_refused_where_probabilities_are_expected() -> None:
    case = members_for("binary", "log_loss")
    case["P"][2] = 4 * case["P"][2] - 2
    with pytest.raises(MismatchError, match=r"model2: .* outside"):
        blend(**case)


def test_classes_scored_one_by_one_are_brought_to_sum_one() -> None:
    case = members_for("multiclass", "log_loss")
    result = blend(**case)
    case["P"] = case["P"] * np.float32(0.5)
    np.testing.assert_allclose(blend(**case).oof, result.oof, atol=1e-4)


def test_an_unknown_combiner_is_met_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean simplex"):
        blend(**members_for("binary", "auc"), combiner="simplx")


def test_ranks_are_refused_where_the_values_count() -> None:
    with pytest.raises(ConfigError, match="rank_mean goes with"):
        blend(**members_for("binary", "log_loss"), combiner="rank_mean")


def test_ratings_are_decided_as_they_were_scored() -> None:
    case = members_for("regression", "qwk", n=600)
    result = blend(**case)
    assert result.decide.thresholds is not None
    assert result.decide.span == (0, 4)
    labels = result.decide(result.predict(case["P"]))
    assert set(np.unique(labels)) <= {0, 1, 2, 3, 4}
    assert case["metric"].score(case["y"], labels) == pytest.approx(result.in_sample)
