"""Mixup and CutMix: what becomes of the images, of the loss, and of a network's certainty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from image_contest import digits_contest
from test_training import recipe, results, train

from outfold.contest import Contest
from outfold.errors import ConfigError
from outfold.learners.image.learner import ImageLearner
from outfold.progress import Reporter
from outfold.training.losses import Loss
from outfold.training.mixing import mix

pytestmark = pytest.mark.usefixtures("one_thread")
IMAGES = torch.rand(64, 3, 20, 30, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    return digits_contest(tmp_path_factory.mktemp("digits"), train=200, test=20)


def test_mixup_blends_each_row_with_its_partner_and_stays_mostly_itself() -> None:
    mixture = mix(IMAGES, 0.4, 0.0, seed=1)
    assert mixture is not None
    share = mixture.share[:, None, None, None]
    torch.testing.assert_close(mixture.inputs, share * IMAGES + (1 - share) * IMAGES[mixture.partner])
    assert 0.5 <= mixture.share.min() < 0.7 and mixture.share.max() > 0.99
    assert sorted(mixture.partner.tolist()) == list(range(64))


def test_cutmix_puts_a_box_of_the_partner_in_and_counts_what_is_left() -> None:
    left: list[float] = []
    for seed in range(30):
        mixture = mix(IMAGES, 0.0, 1.0, seed)
        assert mixture is not None
        own = (mixture.inputs == IMAGES).all(dim=1)
        assert torch.equal(mixture.inputs.where(own[:, None], IMAGES[mixture.partner]), mixture.inputs)
        moved = mixture.partner != torch.arange(64)
        torch.testing.assert_close(own[moved].float().mean(dim=(1, 2)), mixture.share[moved])
        rows, columns = np.nonzero(~own[moved][0].numpy())
        assert len(rows) == 0 or len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1), "a box"
        left.append(float(mixture.share[0]))
    assert min(left) < 0.4 and max(left) > 0.9


def test_what_is_drawn_depends_on_the_seed_alone_and_both_take_turns() -> None:
    one, same, other = (mix(IMAGES, 0.4, 1.0, seed) for seed in (3, 3, 4))
    assert one is not None and same is not None and other is not None
    assert torch.equal(one.inputs, same.inputs) and not torch.equal(one.inputs, other.inputs)
    boxes = [len(set(m.share.tolist())) == 1 for seed in range(40) if (m := mix(IMAGES, 0.4, 1.0, seed))]
    assert 10 < sum(boxes) < 30


def test_the_loss_is_that_of_the_soft_target() -> None:
    mixture = mix(IMAGES, 0.4, 0.0, seed=1)
    assert mixture is not None
    outputs = torch.randn(64, 5, generator=torch.Generator().manual_seed(1))
    y = torch.arange(64) % 5
    hot = torch.nn.functional.one_hot(y, 5).float()
    soft = mixture.share[:, None] * hot + (1 - mixture.share[:, None]) * hot[mixture.partner]
    wanted = torch.nn.functional.cross_entropy(outputs, soft, reduction="none", label_smoothing=0.1)
    torch.testing.assert_close(mixture.rows(Loss("multiclass", smoothing=0.1), outputs, y), wanted)
    labels = torch.nn.functional.binary_cross_entropy_with_logits(outputs, soft, reduction="none").mean(dim=1)
    torch.testing.assert_close(mixture.rows(Loss("multilabel"), outputs, hot), labels)


def test_for_numbers_the_gradient_is_that_of_the_blended_number() -> None:
    mixture = mix(IMAGES, 0.4, 0.0, seed=1)
    assert mixture is not None
    outputs, y = torch.zeros(64, 2, requires_grad=True), torch.arange(128).reshape(64, 2) / 64
    blended = mixture.share[:, None] * y + (1 - mixture.share[:, None]) * y[mixture.partner]
    (ours,) = torch.autograd.grad(mixture.rows(Loss("regression"), outputs, y).sum(), outputs)
    (wanted,) = torch.autograd.grad(Loss("regression").rows(outputs, blended).sum(), outputs)
    torch.testing.assert_close(ours, wanted)


def certainty(contest: Contest, folder: Path, **keys: object) -> float:
    """How probable the most probable digit is, on average, on the rows that were trained on."""
    phases = [{"epochs": 6, "lr": 4e-3}]
    learner, shelf = train(contest, recipe(phases=phases, tta=0, augment="none", dropout=0.0, **keys), folder)
    frame = learner.predict("train", contest.train.index[:160], {0: shelf})
    return float(frame[contest.outputs].to_numpy().max(axis=1).mean())


def test_networks_trained_on_mixtures_are_less_certain(contest: Contest, tmp_path: Path) -> None:
    plain = certainty(contest, tmp_path / "plain")
    assert certainty(contest, tmp_path / "mixup", mixup=0.8) < plain - 0.03
    assert certainty(contest, tmp_path / "cutmix", cutmix=1.0) < plain - 0.05


def test_mixtures_do_not_depend_on_workers(contest: Contest, tmp_path: Path) -> None:
    config = {"mixup": 0.4, "cutmix": 1.0}
    one, four = (results(contest, *train(contest, recipe(workers=n, **config), tmp_path / str(n))) for n in (0, 4))
    assert one == four


def test_cutmix_is_refused_for_numbers(tmp_path: Path) -> None:
    contest = digits_contest(tmp_path, train=30, test=3, task="regression")
    phases = [{"epochs": 1, "cutmix": {"from": 0, "to": 1}}]
    for keys in ({"cutmix": 1.0}, {"phases": phases}):
        with pytest.raises(ConfigError, match="cutmix: is for classes; this contest's task is regression"):
            ImageLearner(contest, recipe(**keys), "cnn", Reporter()).check()
