"""Networks learn from test images as others predict them: the right images, the right labels, at their weight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from image_contest import digits_contest
from sklearn.datasets import load_digits
from stopping import stopped_at_save
from test_training import recipe, results

from outfold.config.image import ImagePipeline
from outfold.contest import Contest
from outfold.data.images.batches import ImageSource
from outfold.data.images.concat import JoinedTensors
from outfold.learners.image.data import PhaseImages
from outfold.learners.image.learner import ImageLearner
from outfold.learners.image.precompute import PhaseActivations
from outfold.learners.neural.curves import read_history
from outfold.learners.neural.lr_range_test import find_lr
from outfold.progress import Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.store.fold_dir import Shelf
from outfold.training.losses import Loss, LossName, soft_targets

pytestmark = pytest.mark.usefixtures("one_thread")
RNG = np.random.default_rng(0)
FEW, TEST = 40, 260


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    """Few training rows: 40 to learn from and 100 to be scored by; and 260 test rows."""
    return digits_contest(tmp_path_factory.mktemp("digits"), train=140, test=TEST, side=16)


def truth(contest: Contest, rows: slice = slice(None)) -> PseudoLabels:
    """Test rows, out of order, with what a teacher says who knows nearly all."""
    ids = contest.test.index[::-1][rows]
    digits = load_digits().target[[int(name[1:]) for name in ids]]
    return PseudoLabels(ids, np.eye(10, dtype=np.float32)[digits] * 0.91 + np.float32(0.009), 1.0, 0.9)


def train(
    contest: Contest, config: ImagePipeline, folder: Path, pseudo: PseudoLabels | None, rows: int = FEW
) -> tuple[ImageLearner, Shelf]:
    learner = ImageLearner(contest, config, "student", Reporter())
    shelf = Shelf.open(folder, "key")
    learner.fit(0, contest.train.index[:rows], contest.train.index[:0], shelf, pseudo)
    return learner, shelf


def accuracy(contest: Contest, learner: ImageLearner, shelf: Shelf) -> float:
    """Of the rows that the model has seen in no way."""
    ids = contest.train.index[FEW:]
    said = learner.predict("train", ids, {0: shelf}).set_index("id").loc[ids, contest.outputs]
    return float((said.to_numpy().argmax(axis=1) == contest.truth(ids)).mean())


def first_phase(contest: Contest, config: ImagePipeline, folder: Path, pseudo: PseudoLabels) -> tuple[Any, Any]:
    learner = ImageLearner(contest, config, "student", Reporter())
    job, _ = learner.job(0, contest.train.index[:FEW], contest.train.index[FEW:], Shelf.open(folder, "key"), pseudo)
    return job, job.data(job.phases[0])


@pytest.mark.slow
def test_few_labels_and_many_pseudo_labels_are_better_than_few_labels(contest: Contest, tmp_path: Path) -> None:
    # two rows of a class; as many steps each: 7 epochs of 9, 63 of 1
    many, few = (recipe(phases=[{"epochs": epochs, "lr": 4e-3}]) for epochs in (7, 63))
    alone = accuracy(contest, *train(contest, few, tmp_path / "alone", None, 20))
    learner, shelf = train(contest, many, tmp_path / "taught", truth(contest), 20)
    taught = accuracy(contest, learner, shelf)
    assert (shelf.done or {})["pseudo"] == TEST and (shelf.done or {})["rows"] == 20 + TEST
    assert taught > alone + 0.05


def test_every_row_has_its_own_image_and_target(contest: Contest, tmp_path: Path) -> None:
    pseudo = truth(contest, slice(0, 60))
    job, phase = first_phase(contest, recipe(augment="none"), tmp_path, pseudo)
    assert isinstance(phase, PhaseImages)
    assert len(job.rows) == FEW + 60 and sorted(job.rows[FEW:]) == list(range(140 + TEST - 60, 140 + TEST))
    chosen = RNG.permutation(job.rows)
    ((images, targets),) = phase.batches([chosen], [1.0], 0)
    ids = contest.train.index.append(contest.test.index)[chosen]
    drawn = np.stack([load_digits().images[int(name[1:])].mean() for name in ids])
    ink = images.mean(dim=(1, 2, 3)).numpy()
    assert np.corrcoef(drawn, ink)[0, 1] > 0.99, "each image is that of its id"
    digits = load_digits().target[[int(name[1:]) for name in ids]]
    assert (targets[:, :-1].argmax(dim=1).numpy() == digits).all()
    assert (targets[:, :-1].max(dim=1).values == torch.where(torch.from_numpy(chosen) < 140, 1.0, 0.919)).all()
    assert job.strata.tolist() == [*contest.y[:FEW], *pseudo.targets.argmax(axis=1)]


def test_images_on_a_device_are_joined_as_those_in_memory_are(contest: Contest, tmp_path: Path) -> None:
    _, phase = first_phase(contest, recipe(augment="none"), tmp_path, truth(contest))
    source: ImageSource = phase.source
    learner = ImageLearner(contest, recipe(), "student", Reporter())
    parts = [torch.from_numpy(np.array(learner.images.cache(part, 16).pixels)) for part in ("train", "test")]
    rows = RNG.permutation(140 + TEST)[:50]
    found = JoinedTensors(*parts).index_select(0, torch.from_numpy(rows))
    assert torch.equal(found, source.fetch(rows))


def test_activations_of_both_parts_are_their_own(contest: Contest, tmp_path: Path) -> None:
    config = recipe(phases=[{"train": "head", "precompute": True, "epochs": 2, "lr": 1e-2}])
    _, phase = first_phase(contest, config, tmp_path / "a", truth(contest))
    assert isinstance(phase, PhaseActivations) and len(phase.values) == 140 + TEST
    _, alone = first_phase_alone(contest, config, tmp_path / "b")
    np.testing.assert_allclose(phase.values[:140], alone.values, atol=1e-5)
    assert not np.allclose(phase.values[140:280], alone.values[:140])
    _, shelf = train(contest, config, tmp_path / "c", truth(contest))
    first, last = read_history(shelf)
    assert last["loss"] < first["loss"]


def first_phase_alone(contest: Contest, config: ImagePipeline, folder: Path) -> tuple[Any, Any]:
    learner = ImageLearner(contest, config, "plain", Reporter())
    job, _ = learner.job(0, contest.train.index[:FEW], contest.train.index[FEW:], Shelf.open(folder, "key"))
    return job, job.data(job.phases[0])


def test_a_training_that_was_stopped_ends_with_the_same_bytes(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pseudo = truth(contest, slice(0, 60))
    config = recipe(mixup=0.4, sampling="balanced", label_smoothing=0.1)
    small = digits_contest(tmp_path / "small", train=200, test=TEST, side=16)

    def run(folder: Path, config: ImagePipeline) -> list[bytes]:
        learner = ImageLearner(small, config, "student", Reporter())
        shelf = Shelf.open(folder, "key")
        learner.fit(0, small.train.index[:FEW], small.train.index[FEW:], shelf, pseudo)
        return results(small, learner, shelf)

    pseudo = PseudoLabels(small.test.index[:60], pseudo.targets, 0.7, 0.9)
    wanted = run(tmp_path / "straight", config)
    with stopped_at_save(monkeypatch, 1):
        run(tmp_path / "stopped", config)
    assert run(tmp_path / "stopped", config.model_copy(update={"workers": 3})) == wanted


def test_a_test_image_that_cannot_be_read_teaches_nothing(contest: Contest, tmp_path: Path) -> None:
    small = digits_contest(tmp_path / "small", train=60, test=12, side=16, on_bad_image="drop")
    (small.root / "inputs" / "test" / f"{small.test.index[5]}.png").write_text("no image")
    pseudo = PseudoLabels(small.test.index, np.full((12, 10), 0.1, np.float32), 1.0, 0.1)
    job, _ = first_phase(small, recipe(), tmp_path / "shelf", pseudo)
    assert set(range(60, 72)) - set(job.rows) == {65}


def test_the_rate_is_searched_on_what_the_phase_learns_from(contest: Contest, tmp_path: Path) -> None:
    ids, learner = contest.train.index, ImageLearner(contest, recipe(batch_size=8), "student", Reporter())
    sweeps = [
        find_lr(learner, 1, 0, ids[:FEW], ids[:0], Shelf.open(tmp_path / name, "key"), pseudo)
        for name, pseudo in (("alone", None), ("taught", truth(contest)))
    ]
    assert not np.array_equal(sweeps[0].losses[5:20], sweeps[1].losses[5:20])


# ---- the loss


@pytest.mark.parametrize("name", [None, "focal"])
def test_a_class_and_its_certain_distribution_cost_the_same(name: LossName | None) -> None:
    y, logits = RNG.integers(0, 4, 30), torch.from_numpy(RNG.normal(size=(30, 4))).float()
    loss = Loss("multiclass", smoothing=0.1, weights=torch.tensor([0.5, 1.0, 1.5, 2.0])).named(name, None)
    weighted = Loss(loss.task, 0.1, loss.weights, name=loss.name, gamma=loss.gamma, weighted=True)
    own = soft_targets(weighted, y, np.zeros((0, 4), np.float32), 1.0)
    torch.testing.assert_close(weighted.rows(logits, own), loss.rows(logits, loss.targets(y)))
    torch.testing.assert_close(weighted.plain().rows(logits, own), loss.plain().rows(logits, loss.targets(y)))


@pytest.mark.parametrize(("task", "outputs"), [("binary", 1), ("multilabel", 3), ("regression", 2), ("multiclass", 3)])
def test_a_pseudo_label_costs_its_weight_times_the_mean_over_its_distribution(task: Any, outputs: int) -> None:
    logits = torch.from_numpy(RNG.normal(size=(5, outputs))).float()
    taught = RNG.dirichlet(np.ones(outputs), 5) if task == "multiclass" else RNG.uniform(size=(5, outputs))
    y = np.zeros(1, np.int64) if task in ("binary", "multiclass") else np.zeros((1, outputs))
    loss = Loss(task, weighted=True)
    found = loss.rows(logits, soft_targets(loss, y, taught.astype(np.float32), 0.3)[1:])
    if task == "multiclass":
        wanted = -(taught * torch.log_softmax(logits, dim=1).numpy()).sum(axis=1)
    elif task == "regression":
        wanted = np.square(logits.numpy() - taught).mean(axis=1)
    else:
        p = logits.sigmoid().numpy()
        wanted = -(taught * np.log(p) + (1 - taught) * np.log(1 - p)).mean(axis=1)
    np.testing.assert_allclose(found.numpy(), 0.3 * wanted, rtol=1e-4)
