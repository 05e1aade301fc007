"""A share of the rows, rows by class, and stochastic depth."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from image_contest import digits_contest
from test_training import recipe, results, train

from outfold.contest import Contest
from outfold.errors import ConfigError
from outfold.learners.image.data import PhaseImages
from outfold.learners.image.learner import ImageLearner
from outfold.learners.neural.curves import read_history
from outfold.progress import Reporter
from outfold.store.fold_dir import Shelf
from outfold.training.models import build_model
from outfold.training.recipe import plan_phases
from outfold.training.sampler import balanced_rows, names_of, share_count, share_of_rows, strata

pytestmark = pytest.mark.usefixtures("one_thread")
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    return digits_contest(tmp_path_factory.mktemp("digits"), train=200, test=20)


@pytest.fixture
def epochs(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The rows of each epoch that is trained."""
    seen: list[np.ndarray] = []
    whole = PhaseImages.batches

    def watched(self: PhaseImages, batches: Any, *args: Any) -> Any:
        seen.append(np.concatenate(batches))
        return whole(self, batches, *args)

    monkeypatch.setattr(PhaseImages, "batches", watched)
    return seen


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), st.floats(0.01, 1), st.integers(0, 9))
def test_a_share_has_each_stratum_s_share_of_it(codes: list[int], share: float, seed: int) -> None:
    classes = np.array(codes)
    rows = np.arange(len(codes)) * 3
    chosen = share_of_rows(rows, classes, share, seed)
    assert len(chosen) == share_count(len(rows), share) and (np.diff(chosen) > 0).all()
    taken = np.bincount(classes[chosen // 3], minlength=5)
    assert (np.abs(taken - share * np.bincount(classes, minlength=5)) < 3).all()
    assert set(chosen) <= set(share_of_rows(rows, classes, min(share * 1.5, 1.0), seed))


def test_another_seed_takes_other_rows() -> None:
    rows, classes = np.arange(100), np.arange(100) % 4
    assert set(share_of_rows(rows, classes, 0.3, 1)) != set(share_of_rows(rows, classes, 0.3, 2))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), st.integers(0, 9))
def test_balanced_rows_have_each_class_as_often_and_no_row_again_before_all_were(codes: list[int], seed: int) -> None:
    classes = np.array(codes)
    drawn = balanced_rows(np.arange(len(codes)), classes, seed)
    assert len(drawn) == len(codes)
    counts = np.bincount(classes[drawn], minlength=5)[np.unique(classes)]
    assert counts.max() - counts.min() <= 1
    for code in np.unique(classes):
        times = np.bincount(drawn, minlength=len(codes))[classes == code]
        assert times.max() - times.min() <= 1


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=8), min_size=1, max_size=6))
def test_a_row_that_comes_again_has_another_name(parts: list[list[int]]) -> None:
    batches = [np.array(part) for part in parts]
    named = names_of(batches, 10)
    assert [len(names) for names in named] == [len(batch) for batch in batches]
    every = np.concatenate(named)
    assert len(set(every.tolist())) == len(every)
    assert (every % 10 == np.concatenate(batches)).all()
    if len(set(np.concatenate(batches).tolist())) == len(every):
        assert (every == np.concatenate(batches)).all()


@pytest.mark.parametrize("task", ["multiclass", "binary", "multilabel", "regression"])
def test_every_task_has_strata(task: str, tmp_path: Path) -> None:
    own = digits_contest(tmp_path, train=60, test=3, task=task)
    codes = strata(own.y, own.task)
    assert codes.shape == (60,) and 1 < len(np.unique(codes)) <= 20


def test_a_phase_learns_from_the_same_share_in_each_epoch_and_the_next_from_all(
    contest: Contest, tmp_path: Path, epochs: list[np.ndarray]
) -> None:
    phases = [{"epochs": 2, "data": 0.3, "lr": 1e-3}, {"epochs": 1, "lr": 1e-3}]
    _, shelf = train(contest, recipe(phases=phases), tmp_path)
    assert [len(rows) for rows in epochs] == [48, 48, 160]
    assert set(epochs[0]) == set(epochs[1]) < set(epochs[2])
    assert list(epochs[0]) != list(epochs[1]), "in another order"
    share = np.bincount(contest.y[epochs[0]], minlength=10) / np.bincount(contest.y[epochs[2]], minlength=10)
    assert (np.abs(share - 0.3) < 0.15).all()
    assert [entry["rows"] for entry in read_history(shelf)] == [48, 48, 160]


def test_a_share_makes_an_epoch_shorter() -> None:
    phases = [{"epochs": 2, "data": 0.25}, {"epochs": 2}]
    first, second = plan_phases(recipe(phases=phases, batch_size=10), 400, "cnn.yaml")
    assert (first.steps, second.steps) == (20, 80)


def test_a_share_of_one_row_is_refused(contest: Contest, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="batches of one"):
        train(contest, recipe(phases=[{"epochs": 1, "data": 0.005}]), tmp_path)


def test_balanced_epochs_show_a_rare_class_as_often_and_each_time_otherwise(
    tmp_path: Path, epochs: list[np.ndarray]
) -> None:
    own = digits_contest(tmp_path, train=100, test=5, task="binary")
    rare = np.flatnonzero(own.y == 1)[:4]
    rows = np.concatenate([np.flatnonzero(own.y == 0)[:36], rare])
    learner = ImageLearner(own, recipe(phases=[{"epochs": 2}], sampling="balanced"), "cnn", Reporter())
    ids = own.train.index
    learner.fit(0, ids[np.sort(rows)], ids[90:], Shelf.open(tmp_path / "shelf", "key"))
    for seen in epochs:
        assert len(seen) == 40 and np.isin(seen, rare).sum() == 20
        assert (np.bincount(seen, minlength=100)[rare] == 5).all()
    assert list(epochs[0]) != list(epochs[1])


def test_a_row_that_is_repeated_is_augmented_in_another_way(contest: Contest, tmp_path: Path) -> None:
    learner = ImageLearner(contest, recipe(), "cnn", Reporter())
    job, _ = learner.job(0, contest.train.index[:160], contest.train.index[160:], Shelf.open(tmp_path, "key"))
    draw = partial(job.data(job.phases[0]).batches, strengths=[1.0, 1.0], seed=7)
    (one, _), (again, _) = draw([np.array([3, 5]), np.array([5, 5])])
    assert torch.equal(one[1], next(iter(draw([np.array([5]), np.array([3])])))[0][0]), "at first sight, as ever"
    assert len({image.numpy().tobytes() for image in (one[1], *again)}) == 3


def test_balanced_training_finds_the_rare_class(tmp_path: Path) -> None:
    own = digits_contest(tmp_path, train=300, test=5, task="binary")
    odd, even = np.flatnonzero(own.y[:200] == 1)[:8], np.flatnonzero(own.y[:200] == 0)
    ids = own.train.index
    recall = {}
    for sampling in ("rows", "balanced"):
        config = recipe(phases=[{"epochs": 5, "lr": 4e-3}], sampling=sampling, batch_size=16, tta=0)
        learner, shelf = ImageLearner(own, config, "cnn", Reporter()), Shelf.open(tmp_path / sampling, "key")
        learner.fit(0, ids[np.sort(np.concatenate([odd, even]))], ids[200:], shelf)
        p = learner.predict("train", ids[200:], {0: shelf})[own.outputs].to_numpy()[:, 0]
        recall[sampling] = float(p[own.y[200:] == 1].mean())
    assert recall["balanced"] > recall["rows"] + 0.05, recall


def test_shares_and_balance_do_not_depend_on_workers(contest: Contest, tmp_path: Path) -> None:
    config = {"phases": [{"epochs": 1, "data": 0.5, "lr": 1e-3}], "sampling": "balanced"}
    one, four = (results(contest, *train(contest, recipe(workers=n, **config), tmp_path / str(n))) for n in (0, 4))
    assert one == four


@pytest.mark.parametrize(
    ("task", "keys", "message"),
    [
        ("multilabel", {"sampling": "balanced"}, "sampling: balanced is for classes of which a row has one"),
        ("regression", {"phases": [{"epochs": 1, "sampling": "balanced"}]}, "this is regression"),
        ("binary", {"sampling": "balanced", "class_weight": "balanced"}, "count a rare class twice"),
        ("binary", {"model": "vgg11", "timm_args": {}, "drop_path": 0.1, "size": 32}, "drop_path: vgg11 has no resid"),
    ],
)
def test_what_the_task_or_the_model_has_no_use_for_is_refused(
    tmp_path: Path, task: str, keys: dict, message: str
) -> None:
    own = digits_contest(tmp_path, train=30, test=3, task=task)
    with pytest.raises(ConfigError, match=message):
        ImageLearner(own, recipe(**keys), "cnn", Reporter()).check()


def test_stochastic_depth_leaves_branches_out_in_training_alone(contest: Contest, tmp_path: Path) -> None:
    # timm's resnets begin with branches that give 0
    args = {"channels": [16, 32, 64, 96], "stem_width": 8, "zero_init_last": False}
    learner = ImageLearner(contest, recipe(drop_path=0.5, dropout=0.0, timm_args=args), "cnn", Reporter())
    learner.check()
    torch.manual_seed(0)
    model = build_model(learner.spec(), "none", contest.root)
    images = torch.randn(1, 1, 32, 32).expand(8, 1, 32, 32)
    rows = model.train()(images)
    assert not torch.allclose(rows[0], rows[1:]), "equal images, other branches"
    rows = model.eval()(images)
    torch.testing.assert_close(rows[:1].expand_as(rows), rows)
    plain, dropped = (
        train(contest, recipe(drop_path=rate, dropout=0.0), tmp_path / str(rate))[1].path("snapshot-2.safetensors")
        for rate in (0.0, 0.5)
    )
    assert plain.read_bytes() != dropped.read_bytes()
