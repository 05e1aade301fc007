"""A regression whose targets have a known range: predictions keep to it, and reach its ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from image_contest import digits_contest
from pydantic import ValidationError
from test_training import recipe

from outfold.errors import ConfigError
from outfold.learners.image.learner import ImageLearner
from outfold.progress import Reporter
from outfold.store.fold_dir import Shelf
from outfold.training.losses import Loss

pytestmark = pytest.mark.usefixtures("one_thread")


def loss(*ranges: list[float]) -> Loss:
    y = np.array([[0.0, 100.0], [10.0, 300.0]])
    return Loss.for_rows("regression", y, 2).within(ranges)


def test_the_sigmoid_reaches_both_ends_and_hardly_passes_them() -> None:
    bounded = loss([0, 10], [100, 300])
    outputs = torch.tensor([[-1e4, -1e4], [0.0, 0.0], [1e4, 1e4]])
    torch.testing.assert_close(bounded.predictions(outputs), torch.tensor([[-0.5, 90.0], [5.0, 200.0], [10.5, 310.0]]))
    # the ends themselves are at finite outputs: a target there can be learnt
    edge = torch.logit(torch.tensor([[0.05, 0.05], [1.05, 1.05]]) / 1.1)
    torch.testing.assert_close(bounded.predictions(edge), torch.tensor([[0.0, 100.0], [10.0, 300.0]]))
    assert bounded.rows(edge, torch.tensor([[0.0, 100.0], [10.0, 300.0]])).abs().max() < 1e-8


def test_one_pair_holds_for_all_targets_and_the_loss_is_that_of_the_predictions() -> None:
    bounded, outputs = loss([0, 400]), torch.randn(5, 2, generator=torch.manual_seed(0))
    y = torch.tensor([[3.0, 120.0]]).expand(5, 2)
    error = (bounded.predictions(outputs) - y) / bounded.scale
    torch.testing.assert_close(bounded.rows(outputs, y), error.square().mean(dim=1))
    torch.testing.assert_close(bounded.plain().rows(outputs, y), error.square().mean(dim=1))
    assert not torch.allclose(loss().rows(outputs, y), bounded.rows(outputs, y))


def test_a_network_keeps_to_the_range_and_learns_within_it(tmp_path: Path) -> None:
    contest = digits_contest(tmp_path / "contest", train=160, test=10, task="regression")
    ends = contest.y.min(axis=0), contest.y.max(axis=0)
    ranges = np.stack(ends, axis=1).tolist()
    phases = [{"epochs": 5, "lr": 4e-3}]
    config = recipe(phases=phases, batch_size=16, size=32, augment="none", target_range=ranges)
    learner, shelf, index = (
        ImageLearner(contest, config, "cnn", Reporter()),
        Shelf.open(tmp_path / "a", "key"),
        contest.train.index,
    )
    learner.check()
    learner.fit(0, index[:130], index[130:], shelf)
    outputs = learner.predict("train", index[130:], {0: shelf})[contest.outputs].to_numpy()
    spare = 0.0501 * (ends[1] - ends[0])
    assert (outputs >= ends[0] - spare).all() and (outputs <= ends[1] + spare).all()
    truth = contest.truth(index[130:])
    assert (np.square(outputs - truth).mean(axis=0) < 0.7 * truth.var(axis=0)).all()


@pytest.mark.parametrize("pair", [[1, 0], [1, 1], [1], [[0, 1], [2]]])
def test_a_pair_has_a_lowest_and_a_highest_value(pair: list) -> None:
    with pytest.raises(ValidationError, match="expected \\[lowest, highest\\]"):
        recipe(target_range=pair)


def test_a_range_that_does_not_fit_the_contest_is_refused(tmp_path: Path) -> None:
    numbers = digits_contest(tmp_path / "numbers", train=30, test=3, task="regression")
    classes = digits_contest(tmp_path / "classes", train=30, test=3)
    for contest, ranges, message in (
        (numbers, [[0, 1]], "30 training rows lie outside of it"),
        (numbers, [[0, 1]] * 3, "has 3 pairs; there are 2 targets"),
        (classes, [0, 1], "target_range: is for numbers; this contest's task is multiclass"),
    ):
        with pytest.raises(ConfigError, match=message):
            ImageLearner(contest, recipe(target_range=ranges), "cnn", Reporter()).check()
