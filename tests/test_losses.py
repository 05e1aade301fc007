"""Each task's loss against an independent formula, and the activation that belongs to it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight

from outfold.training.losses import Loss

RNG = np.random.default_rng(0)


def test_multiclass_is_the_log_loss() -> None:
    y, logits = RNG.integers(0, 4, 50), torch.from_numpy(RNG.normal(size=(50, 4)))
    loss = Loss.for_rows("multiclass", y, 4)
    wanted = log_loss(y, loss.predictions(logits).double().numpy(), labels=range(4))
    assert float(loss.rows(logits, loss.targets(y)).mean()) == pytest.approx(wanted, rel=1e-5)


def test_binary_is_the_log_loss_of_one_output() -> None:
    y, logits = RNG.integers(0, 2, 50), torch.from_numpy(RNG.normal(size=(50, 1)))
    loss = Loss.for_rows("binary", y, 1)
    wanted = log_loss(y, loss.predictions(logits).double().numpy()[:, 0])
    assert float(loss.rows(logits, loss.targets(y)).mean()) == pytest.approx(wanted, rel=1e-5)


def test_multilabel_is_the_mean_log_loss_over_labels() -> None:
    y, logits = RNG.integers(0, 2, (50, 3)).astype(np.int8), torch.from_numpy(RNG.normal(size=(50, 3)))
    loss = Loss.for_rows("multilabel", y, 3)
    p = loss.predictions(logits).double().numpy()
    wanted = np.mean([log_loss(y[:, k], p[:, k]) for k in range(3)])
    assert float(loss.rows(logits, loss.targets(y)).mean()) == pytest.approx(wanted, rel=1e-5)


def test_regression_is_the_squared_error_of_standardised_targets_and_maps_back() -> None:
    y = RNG.normal([1000, 3], [50, 0.1], size=(200, 2))
    loss = Loss.for_rows("regression", y, 2)
    exact = torch.from_numpy((y - y.mean(axis=0)) / y.std(axis=0))
    assert float(loss.rows(exact, loss.targets(y)).mean()) < 1e-6
    np.testing.assert_allclose(loss.predictions(exact).numpy(), y, rtol=1e-4)
    assert float(loss.rows(torch.zeros(200, 2), loss.targets(y)).mean()) == pytest.approx(1, rel=1e-4)


def test_a_constant_target_gives_no_division_by_zero() -> None:
    loss = Loss.for_rows("regression", np.full(10, 7.0), 1)
    assert torch.isfinite(loss.rows(torch.zeros(10, 1), loss.targets(np.full(10, 7.0)))).all()
    assert float(loss.predictions(torch.zeros(1, 1))) == 7


@pytest.mark.parametrize("task", ["multiclass", "binary"])
def test_balanced_weights_are_scikit_learn_s(task: str) -> None:
    y = np.repeat([0, 1, 2] if task == "multiclass" else [0, 1, 0], [70, 25, 5])
    outputs = 3 if task == "multiclass" else 1
    logits = torch.from_numpy(RNG.normal(size=(100, outputs)))
    plain, balanced = (Loss.for_rows(task, y, outputs, balanced=b) for b in (False, True))  # type: ignore[arg-type]
    ratio = balanced.rows(logits, balanced.targets(y)) / plain.rows(logits, plain.targets(y))
    np.testing.assert_allclose(ratio.numpy(), compute_sample_weight("balanced", y), rtol=1e-5)


def test_balanced_labels_weigh_their_two_sides_alike() -> None:
    y = np.stack([np.arange(100) < 10, np.arange(100) < 60, np.ones(100)], axis=1).astype(np.int8)
    loss = Loss.for_rows("multilabel", y, 3, balanced=True)
    assert loss.weights is not None
    sides = loss.weights.numpy()[:, :2] * np.stack([(y == 0).sum(axis=0), y.sum(axis=0)])[:, :2]
    np.testing.assert_allclose(sides, 50, rtol=1e-6)
    assert (loss.weights[:, 2] == 1).all()  # a label that every row has


def test_a_class_that_a_fold_lacks_weighs_something_finite() -> None:
    loss = Loss.for_rows("multiclass", np.array([0, 0, 2]), 3, balanced=True)
    assert loss.weights is not None
    assert torch.isfinite(loss.weights).all()


@pytest.mark.parametrize(("task", "outputs"), [("multiclass", 3), ("binary", 1), ("multilabel", 3)])
def test_smoothing_moves_the_best_answer_from_certainty(task: str, outputs: int) -> None:
    y = np.zeros((1, outputs), np.int8) if task == "multilabel" else np.zeros(1, np.int64)
    smooth = Loss.for_rows(task, y, outputs, smoothing=0.2)  # type: ignore[arg-type]
    sure = torch.full((1, outputs), -20.0)
    if task == "multiclass":
        sure[0, 0] = 20.0
    assert float(smooth.rows(sure, smooth.targets(y))) > 1
    assert float(smooth.plain().rows(sure, smooth.targets(y))) < 1e-6


def test_half_precision_logits_are_compared_in_float32() -> None:
    logits = torch.tensor([[30.0, 0.0]], dtype=torch.bfloat16)
    loss = Loss("multiclass")
    assert loss.rows(logits, torch.tensor([0])).dtype == torch.float32
    assert loss.predictions(logits).dtype == torch.float32


@pytest.mark.parametrize(("task", "outputs"), [("multiclass", 4), ("binary", 1), ("multilabel", 3)])
def test_focal_at_gamma_zero_is_the_cross_entropy_with_its_weights_and_smoothing(task: str, outputs: int) -> None:
    y = RNG.integers(0, 2, (50, 3)).astype(np.int8) if task == "multilabel" else RNG.integers(0, 2, 50)
    logits = torch.from_numpy(RNG.normal(size=(50, outputs)))
    plain = Loss.for_rows(task, y, outputs, smoothing=0.1, balanced=True)  # type: ignore[arg-type]
    focal = plain.named("focal", 0.0)
    torch.testing.assert_close(focal.rows(logits, focal.targets(y)), plain.rows(logits, plain.targets(y)))


def test_focal_counts_an_easy_row_less_by_the_paper_s_factor() -> None:
    plain = Loss("multiclass")
    p = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    ratio = plain.named("focal", None).rows(p.log(), torch.zeros(2).long()) / plain.rows(p.log(), torch.zeros(2).long())
    np.testing.assert_allclose(ratio.numpy(), [0.1**2, 0.9**2], rtol=1e-5)
    labels = Loss("multilabel")
    logits, y = torch.logit(torch.tensor([[0.9], [0.9]])), torch.tensor([[1.0], [0.0]])
    ratio = labels.named("focal", 3.0).rows(logits, y) / labels.rows(logits, y)
    np.testing.assert_allclose(ratio.numpy(), [0.1**3, 0.9**3], rtol=1e-5)


def test_asymmetric_leaves_out_easy_negatives_and_keeps_positives_whole() -> None:
    plain = Loss("multilabel")
    loss = plain.named("asymmetric", None)
    p = torch.tensor([[0.04], [0.05], [0.3], [0.3]])
    y = torch.tensor([[0.0], [0.0], [0.0], [1.0]])
    each = loss.rows(torch.logit(p), y).numpy()
    assert each[:2] == pytest.approx(0, abs=1e-6)
    assert each[2] == pytest.approx(-(0.25**4) * np.log(0.75), rel=1e-4)
    assert each[3] == pytest.approx(-np.log(0.3), rel=1e-5)
    assert loss.plain().rows(torch.logit(p), y)[0] > 0.04, "what validation reports"


@pytest.mark.parametrize("gamma", [None, 0.5])
@pytest.mark.parametrize("name", ["focal", "asymmetric"])
def test_losses_of_certain_outputs_have_finite_gradients(name: str, gamma: float | None) -> None:
    for sign in (-1, 1):
        logits = torch.full((2, 3), 200.0 * sign, requires_grad=True)
        Loss("multilabel").named(name, gamma).rows(logits, torch.eye(3)[:2]).sum().backward()  # type: ignore[arg-type]
        assert logits.grad is not None and torch.isfinite(logits.grad).all()
    logits = torch.tensor([[200.0, -200.0, 0.0]], requires_grad=True)
    Loss("multiclass").named("focal", 0.5).rows(logits, torch.tensor([0])).sum().backward()
    assert logits.grad is not None and torch.isfinite(logits.grad).all()
