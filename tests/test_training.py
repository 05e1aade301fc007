"""The training engine on real images: it learns, resumes to the same bytes, and stops when it diverges."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from image_contest import digits_contest
from stopping import stopped_at_save, stopped_at_step
from torch import nn

from outfold.config.image import ImagePipeline
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.errors import ConfigError, OutfoldError
from outfold.learners.image.learner import ImageLearner
from outfold.learners.neural.curves import read_history
from outfold.progress import Reporter
from outfold.store.fold_dir import Shelf
from outfold.store.predictions import write_predictions
from outfold.training.checkpoint import CHECKPOINT, load_member
from outfold.training.step import Step

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("digits")
    digits_contest(root, train=200, test=20)
    return root


@pytest.fixture(scope="module")
def contest(root: Path) -> Contest:
    return load_contest(root)


def recipe(**keys: Any) -> ImagePipeline:
    """A small resnet at 16 pixels, trained for two short epochs."""
    base = {
        "learner": "image",
        "model": "resnet10t",
        "timm_args": {"channels": [16, 32, 64, 96], "stem_width": 8},
        "weights": "none",
        "size": 16,
        "channels": 1,
        "augment": "basic",
        "batch_size": 32,
        "dropout": 0.2,
        "workers": 0,
        "phases": [{"cycles": 2, "cycle_len": 1, "lr": 2e-3, "snapshots": True}],
        "tta": 1,
    }
    return ImagePipeline.model_validate({**base, **keys})


def train(contest: Contest, config: ImagePipeline, folder: Path, fold: int = 0) -> tuple[ImageLearner, Shelf]:
    """Train on the first 160 rows, watching the other 40."""
    learner = ImageLearner(contest, config, "cnn", Reporter())
    shelf = Shelf.open(folder, "key")
    learner.fit(fold, contest.train.index[:160], contest.train.index[160:], shelf)
    return learner, shelf


def results(contest: Contest, learner: ImageLearner, shelf: Shelf) -> list[bytes]:
    """All that must be the same: OOF, test predictions and every snapshot, as bytes."""
    oof, test = shelf.path("oof.parquet"), shelf.path("test.parquet")
    write_predictions(oof, learner.predict("train", contest.train.index[160:], {0: shelf}))
    write_predictions(test, learner.predict("test", contest.test.index, {0: shelf}))
    return [path.read_bytes() for path in (oof, test, *sorted(shelf.folder.glob("*.safetensors")))]


@pytest.fixture(scope="module")
def straight(contest: Contest, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The results of a run that nothing stopped."""
    torch.set_num_threads(1)
    learner, shelf = train(contest, recipe(), tmp_path_factory.mktemp("straight"))
    return results(contest, learner, shelf)


def test_it_learns_digits(root: Path, contest: Contest, tmp_path: Path) -> None:
    learner, shelf = train(contest, recipe(phases=[{"epochs": 6, "lr": 4e-3}], batch_size=16, size=32), tmp_path)
    oof = learner.predict("train", contest.train.index[160:], {0: shelf}).set_index("id")[contest.outputs]
    right = oof.to_numpy().argmax(axis=1) == contest.truth(oof.index)
    assert right.mean() > 0.8


def test_each_cycle_leaves_a_snapshot_and_predictions_name_them(contest: Contest, tmp_path: Path) -> None:
    learner, shelf = train(contest, recipe(), tmp_path)
    assert shelf.done is not None
    assert shelf.done["members"] == ["snapshot-1", "snapshot-2"]
    frame = learner.predict("test", contest.test.index, {0: shelf, 3: shelf})
    assert list(frame.columns) == ["id", "fold", "member", *contest.outputs]
    assert set(zip(frame["fold"], frame["member"], strict=True)) == {
        (fold, member) for fold in (0, 3) for member in ("snapshot-1", "snapshot-2")
    }
    assert (frame[contest.outputs].dtypes == "float32").all()
    assert frame[contest.outputs].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
    assert list(frame["id"][:20]) == list(contest.test.index)
    assert not shelf.has(CHECKPOINT)


def test_a_last_phase_without_snapshots_leaves_a_final_member(contest: Contest, tmp_path: Path) -> None:
    phases = [{"cycles": 1, "snapshots": True}, {"epochs": 1, "lr": 1e-3, "train": "head"}]
    _, shelf = train(contest, recipe(phases=phases), tmp_path)
    assert (shelf.done or {})["members"] == ["snapshot-1", "final"]
    first, last = load_member(shelf, "snapshot-1"), load_member(shelf, "final")
    changed = {name for name in first if not torch.equal(first[name], last[name])}
    assert changed == {"fc.weight", "fc.bias"}


def test_a_snapshot_may_lie_within_an_epoch(contest: Contest, tmp_path: Path) -> None:
    _, shelf = train(contest, recipe(phases=[{"cycles": 3, "cycle_len": 0.4, "snapshots": True}]), tmp_path)
    assert (shelf.done or {})["members"] == ["snapshot-1", "snapshot-2", "snapshot-3"]


def test_the_number_of_workers_changes_nothing(contest: Contest, straight: list[bytes], tmp_path: Path) -> None:
    learner, shelf = train(contest, recipe(workers=4), tmp_path)
    assert results(contest, learner, shelf) == straight


def test_random_numbers_drawn_elsewhere_change_nothing_and_none_are_taken(
    contest: Contest, straight: list[bytes], tmp_path: Path
) -> None:
    torch.manual_seed(99)
    before = torch.get_rng_state()
    learner, shelf = train(contest, recipe(), tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    assert results(contest, learner, shelf) == straight


def test_another_seed_or_fold_is_another_model(contest: Contest, straight: list[bytes], tmp_path: Path) -> None:
    for name, config, fold in (("seed", recipe(seed=1), 0), ("fold", recipe(), 1)):
        _, shelf = train(contest, config, tmp_path / name, fold)
        assert shelf.path("snapshot-2.safetensors").read_bytes() not in straight


@pytest.mark.parametrize("when", [3, 7])
def test_a_training_that_was_stopped_ends_with_the_same_bytes(
    contest: Contest, straight: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    with stopped_at_step(monkeypatch, when):
        train(contest, recipe(), tmp_path)
    assert Shelf(tmp_path).has(CHECKPOINT) == (when >= 5)
    learner, shelf = train(contest, recipe(), tmp_path)
    assert results(contest, learner, shelf) == straight
    assert [entry["epoch"] for entry in read_history(shelf)] == [1, 2]


def test_momentum_and_the_optimizer_s_state_survive_a_stop_between_phases(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases = [{"epochs": 1, "lr": 1e-3, "train": "head"}, {"epochs": 2, "lr": 1e-3, "clip_grad": 1.0}]
    config = recipe(phases=phases, optimizer="sgd", accumulate=2)
    learner, shelf = train(contest, config, tmp_path / "straight")
    wanted = results(contest, learner, shelf)
    for stop_after in (1, 2):
        folder = tmp_path / str(stop_after)
        with stopped_at_save(monkeypatch, stop_after):
            train(contest, config, folder)
        assert results(contest, *train(contest, config, folder)) == wanted


def test_a_loss_that_is_not_finite_stops_with_fold_phase_epoch_step_and_rate(contest: Contest, tmp_path: Path) -> None:
    phases = [
        {"cycles": 1, "snapshots": True, "lr": 1e-3},
        {"epochs": 2, "lr": 1e30, "schedule": "constant"},
    ]
    with pytest.raises(
        OutfoldError, match=r"cnn fold 0: the loss is (nan|inf) in phase 2, epoch 1, step \d.*rate 1e\+30"
    ):
        train(contest, recipe(phases=phases, optimizer="sgd"), tmp_path)
    state = load_member(Shelf(tmp_path), "snapshot-1")
    assert all(torch.isfinite(value).all() for value in state.values() if value.is_floating_point())


def test_accumulated_batches_make_the_step_of_one_large_batch() -> None:
    """The last step of an epoch has fewer batches, and weighs its rows alike all the same."""
    from outfold.training.device import Precision
    from outfold.training.layer_groups import Freezing
    from outfold.training.losses import Loss
    from outfold.training.recipe import plan_phases

    x, y = torch.randn(10, 4, generator=torch.manual_seed(0)), torch.arange(10) % 3

    def step(cuts: list[int]) -> torch.Tensor:
        torch.manual_seed(1)
        model = nn.Linear(4, 3)
        optimizer = torch.optim.SGD([{"params": list(model.parameters()), "peak_lr": 0.5}], lr=0.5)
        plan = plan_phases(recipe(phases=[{"epochs": 1, "schedule": "constant"}]), 10, "x")[0]
        precision = Precision("fp32", torch.device("cpu"))
        update = Step(model, Freezing(model), optimizer, precision.scaler(), precision, Loss("multiclass"), plan)
        update(0, zip(x.split(cuts), y.split(cuts), strict=True), 10)  # type: ignore[arg-type]
        return model.weight.detach()

    torch.testing.assert_close(step([4, 4, 2]), step([10]))


def test_history_says_what_a_person_wants_to_see(contest: Contest, tmp_path: Path) -> None:
    learner, shelf = train(contest, recipe(), tmp_path)
    history = read_history(shelf)
    assert len(history) == 2
    expected = {"phase", "epoch", "loss", "valid_loss", contest.metric.name, "lr", "seconds", "images_per_s", "waiting"}
    assert expected <= set(history[0])
    assert history[0]["rows"] == 160
    learner.summarise({0: shelf}, tmp_path / "out")
    assert (tmp_path / "out" / "history.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("task", ["binary", "multilabel", "regression"])
def test_every_task_is_learnt_and_predicted_in_its_own_units(tmp_path: Path, task: str) -> None:
    contest = digits_contest(tmp_path, train=160, test=10, task=task)
    learner = ImageLearner(
        contest, recipe(phases=[{"epochs": 5, "lr": 4e-3}], batch_size=16, size=32, augment="none"), "cnn", Reporter()
    )
    shelf = Shelf.open(tmp_path / "shelf", "key")
    index = contest.train.index
    learner.fit(0, index[:130], index[130:], shelf)
    frame = learner.predict("train", index[130:], {0: shelf})
    outputs, truth = frame[contest.outputs].to_numpy(), contest.truth(index[130:]).reshape(30, -1)
    assert outputs.shape == truth.shape
    if task == "regression":
        # far better than the mean, in the targets' own units (1000 to 1900, and 3 to 7)
        assert (np.square(outputs - truth).mean(axis=0) < 0.7 * truth.var(axis=0)).all()
    else:
        assert ((outputs > 0.5) == truth).mean() > 0.75


def test_images_of_a_phase_s_own_size_are_predicted_at_that_size(contest: Contest, tmp_path: Path) -> None:
    phases = [{"cycles": 1, "size": 8, "snapshots": True}, {"cycles": 1, "size": 16, "snapshots": True}]
    learner, shelf = train(contest, recipe(phases=phases), tmp_path)
    facts = json.loads(shelf.path("model.json").read_text())
    assert [member["size"] for member in facts["members"]] == [8, 16]
    assert set(learner.predict("test", contest.test.index, {0: shelf})["member"]) == {"snapshot-1", "snapshot-2"}


def test_predictions_follow_the_order_of_the_ids_asked_for(contest: Contest, tmp_path: Path) -> None:
    learner, shelf = train(contest, recipe(tta=0), tmp_path)
    ids = contest.test.index[::-1][:7]
    some = learner.predict("test", ids, {0: shelf})
    every = learner.predict("test", contest.test.index, {0: shelf})
    assert list(some["id"][:7]) == list(ids)
    joined = some.merge(every, on=["id", "member"])
    for name in contest.outputs:
        pd.testing.assert_series_equal(
            joined[f"{name}_x"], joined[f"{name}_y"], check_names=False, rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"model": "resnet_18"}, r"cnn\.yaml: model: 'resnet_18' is not a timm model; did you mean .*resnet18"),
        ({"model": "resnet18.nothing"}, "has no weights 'nothing'"),
        ({"weights": "weights/missing.safetensors"}, "no such file"),
        ({"phases": [{"epochs": 1, "lr": [1e-4, 1e-3, 1e-2, 1e-1]}]}, "4 numbers; the model has 3 layer groups"),
        ({"phases": [{"epochs": 1, "train": 7}]}, "train: 7; the model has 3 layer groups"),
        ({"timm_args": {"no_such": 1}}, "timm_args: resnet10t refuses"),
        ({"device": "cuda:77"}, "device: cuda:77; this machine has"),
        ({"device": "toaster"}, "'toaster' is no device"),
        ({"mean": [0.5, 0.5]}, "mean: has 2 numbers"),
        (
            {"model": "vit_tiny_patch16_224", "timm_args": {}, "phases": [{"epochs": 1, "size": 48}]},
            "cannot take images of 48 pixels",
        ),
        ({"precision": "fp16", "device": "cpu"}, "fp16 needs a CUDA GPU"),
    ],
)
def test_a_recipe_that_cannot_work_is_told_before_it_begins(contest: Contest, keys: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ImageLearner(contest, recipe(**keys), "cnn", Reporter()).check()


def test_batches_of_one_row_are_refused(contest: Contest, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"batch_size: 1 cuts 160 training rows into batches of one"):
        train(contest, recipe(batch_size=1), tmp_path)


def test_label_smoothing_is_refused_for_numbers(tmp_path: Path) -> None:
    contest = digits_contest(tmp_path, train=30, test=3, task="regression")
    for keys in ({"label_smoothing": 0.1}, {"class_weight": "balanced"}):
        with pytest.raises(ConfigError, match="is for classes; this contest's task is regression"):
            ImageLearner(contest, recipe(**keys), "cnn", Reporter()).check()


def test_an_id_that_is_no_row_is_not_taken_for_another(contest: Contest, tmp_path: Path) -> None:
    learner, shelf = train(contest, recipe(), tmp_path)
    with pytest.raises(KeyError, match="nobody"):
        learner.predict("test", pd.Index([contest.test.index[0], "nobody"]), {0: shelf})


def _too_much_for_the_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def _too_much_for_the_cpu() -> None:
    torch.empty(1 << 55, dtype=torch.uint8)


@pytest.mark.parametrize("allocate", [_too_much_for_the_gpu, _too_much_for_the_cpu])
def test_too_little_memory_says_what_to_change_and_loses_nothing(
    contest: Contest,
    straight: list[bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    allocate: Callable[[], None],
) -> None:
    whole: Callable[..., Any] = Step.__call__
    steps = iter(range(1000))

    def full(self: Any, *args: Any) -> Any:
        if next(steps) == 7:
            allocate()
        return whole(self, *args)

    with monkeypatch.context() as patched:
        patched.setattr(Step, "__call__", full)
        told = (
            r"(?s)cnn fold 0: the \w+'s memory is too small .*batch_size: smaller.*accumulate: larger.*precision: bf16"
        )
        with pytest.raises(OutfoldError, match=told):
            train(contest, recipe(), tmp_path)
    history = read_history(Shelf(tmp_path))
    assert len(history) == 1 and Shelf(tmp_path).has("snapshot-1.safetensors")
    learner, shelf = train(contest, recipe(), tmp_path)
    assert results(contest, learner, shelf) == straight
    assert read_history(shelf)[0] == history[0], "the first epoch was not trained again"


def test_another_error_is_not_taken_for_too_little_memory(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Step, "__call__", lambda self, *args: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match=r"size|shape"):
        train(contest, recipe(), tmp_path)


def test_a_loss_that_the_task_has_no_use_for_is_refused(contest: Contest) -> None:
    with pytest.raises(ConfigError, match="asymmetric is for multilabel targets; this contest's task is multiclass"):
        ImageLearner(contest, recipe(loss="asymmetric"), "cnn", Reporter()).check()


def test_focal_loss_leaves_easy_rows_less_certain(contest: Contest, tmp_path: Path) -> None:
    sure = []
    for name in (None, "focal"):
        config = recipe(phases=[{"epochs": 6, "lr": 4e-3}], tta=0, augment="none", dropout=0.0, loss=name)
        learner, shelf = train(contest, config, tmp_path / str(name))
        p = learner.predict("train", contest.train.index[:160], {0: shelf})[contest.outputs].to_numpy()
        sure.append(p.max(axis=1).mean())
    assert sure[1] < sure[0] - 0.02


def test_a_recipe_with_everything_ends_with_the_same_bytes_after_stops(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases = [
        {"epochs": 2, "data": 0.6, "schedule": "flat_cosine", "strength": {"from": 0, "to": 1}, "ema": 0.9},
        {
            "cycles": 2,
            "cycle_len": 1.5,
            "lr": [1e-3, 2e-3],
            "mixup": {"from": 0.2, "to": 0.8},
            "weight_decay": {"from": 0.1, "to": 0.0},
            "momentum": {"from": 0.8, "to": 0.95, "shape": "cosine"},
            "snapshots": True,
            "swa": True,
        },
    ]
    config = recipe(phases=phases, sampling="balanced", cutmix=1.0, drop_path=0.2, loss="focal", label_smoothing=0.1)
    learner, shelf = train(contest, config, tmp_path / "straight")
    wanted = results(contest, learner, shelf)
    assert (shelf.done or {})["members"] == ["snapshot-1", "snapshot-2", "swa-1"]
    for workers, steps in enumerate((4, 3, 6, 4)):
        with stopped_at_step(monkeypatch, steps):
            train(contest, config.model_copy(update={"workers": workers}), tmp_path / "stopped")
    learner, shelf = train(contest, config, tmp_path / "stopped")
    assert results(contest, learner, shelf) == wanted
