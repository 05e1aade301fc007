"""Precomputed activations: the same training, a fraction of the time, and nobody ever gets another's rows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from image_contest import digits_contest
from pydantic import ValidationError
from safetensors.torch import save_file
from stopping import Stop, stopped_at_save
from test_training import recipe, results, train

from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.data.images.activation_cache import open_activations
from outfold.errors import ConfigError
from outfold.learners.image.learner import ImageLearner
from outfold.learners.image.precompute import PhaseActivations
from outfold.learners.neural.curves import read_history
from outfold.progress import Reporter
from outfold.store.fold_dir import Shelf
from outfold.training.activations import HeadAlone, activations, backbone_hash
from outfold.training.checkpoint import load_member
from outfold.training.models import ModelSpec, build_model
from outfold.training.recipe import plan_phases

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = {"channels": [16, 32, 64, 96], "stem_width": 8}
HEAD = {"train": "head", "precompute": True, "epochs": 2, "lr": 1e-2}


def write_weights(root: Path, seed: int = 5) -> None:
    torch.manual_seed(seed)
    model = timm.create_model("resnet10t", in_chans=1, num_classes=10, **SMALL)
    save_file(model.state_dict(), root / "frozen.safetensors")


@pytest.fixture
def contest(tmp_path: Path) -> Contest:
    root = tmp_path / "contest"
    contest = digits_contest(root, train=200, test=20)
    write_weights(root)
    return contest


def frozen(**keys: Any) -> Any:
    """A head on frozen weights from a file; the pipeline's own augmentation stays what it is."""
    return recipe(**{"weights": "frozen.safetensors", "dropout": 0, "phases": [HEAD], **keys})


def files(contest: Contest) -> list[Path]:
    return sorted(contest.layout.cache.glob("activations-*.npy"))


def data(contest: Contest, config: Any, rows: slice, folder: Path, fold: int = 0) -> PhaseActivations:
    """What the first phase learns from, for a fold that trains on these rows."""
    learner = ImageLearner(contest, config, "cnn", Reporter())
    ids = contest.train.index
    job, _ = learner.job(fold, ids[rows], ids[:0], Shelf.open(folder, "key"))
    found = job.data(job.phases[0])
    assert isinstance(found, PhaseActivations)
    return found


@pytest.mark.parametrize("head", ["timm", "concat_pool", "spp"])
@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv3_small_050", "convnext_atto", "efficientnet_b0"])
def test_a_head_on_activations_is_the_whole_network(name: str, head: str) -> None:
    model = build_model(ModelSpec(name, 4, 3, 32, {}, "x", head), "none", Path()).eval()  # type: ignore[arg-type]
    images = torch.randn(2, 3, 32, 32, generator=torch.manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(HeadAlone(model).eval()(activations(model, images)), model(images))


@pytest.mark.parametrize("head", ["timm", "concat_pool"])
def test_it_trains_what_a_frozen_network_trains_without_augmentation(
    contest: Contest, tmp_path: Path, head: str
) -> None:
    keys = {"head": head} | ({} if head == "timm" else {"ps": 0.0})
    slow = {"train": "head", "augment": "none", "epochs": 2, "lr": 1e-2}
    states = []
    for name, phase in (("fast", HEAD), ("slow", slow)):
        _, shelf = train(contest, frozen(phases=[phase], precision="fp32", **keys), tmp_path / name)
        states.append((load_member(shelf, "final"), read_history(shelf)[-1]))
    (fast, told), (slowly, told_slowly) = states
    for key, value in fast.items():
        torch.testing.assert_close(value, slowly[key], rtol=1e-3, atol=1e-4)
    assert told["valid_loss"] == pytest.approx(told_slowly["valid_loss"], rel=1e-3)
    first, last = read_history(shelf)[0], read_history(shelf)[-1]
    assert last["loss"] < first["loss"]


def test_an_epoch_on_a_thousand_rows_takes_less_than_a_second(tmp_path: Path) -> None:
    contest = digits_contest(tmp_path / "contest", train=1000, test=10)
    config = recipe(model="resnet18", timm_args={}, size=32, batch_size=64, phases=[{**HEAD, "epochs": 4}])
    learner = ImageLearner(contest, config, "cnn", Reporter())
    shelf = Shelf.open(tmp_path / "shelf", "key")
    learner.fit(0, contest.train.index, contest.train.index[:0], shelf)
    history = read_history(shelf)
    assert [entry["rows"] for entry in history] == [1000] * 4
    assert np.load(files(contest)[0], mmap_mode="r").shape == (1000, 512)
    assert min(entry["seconds"] for entry in history) < 1


def test_folds_and_pipelines_on_the_same_frozen_weights_share_one_file(contest: Contest, tmp_path: Path) -> None:
    data(contest, frozen(), slice(0, 100), tmp_path / "a")
    (made,) = files(contest)
    stamp = made.stat().st_mtime_ns
    data(contest, frozen(), slice(100, 200), tmp_path / "b", fold=1)
    data(contest, frozen(seed=9, batch_size=16, augment="none"), slice(0, 100), tmp_path / "c")
    assert files(contest) == [made] and made.stat().st_mtime_ns == stamp


def test_folds_of_equal_length_get_their_own_rows(contest: Contest, tmp_path: Path) -> None:
    model = build_model(ModelSpec("resnet10t", 10, 1, 16, SMALL, "x"), "frozen.safetensors", contest.root).eval()
    for fold, rows in enumerate((slice(0, 100), slice(100, 200))):
        phase = data(contest, frozen(), rows, tmp_path / str(fold), fold)
        chosen = np.arange(200)[rows][::-1].copy()
        ((values, targets),) = phase.batches([chosen], [1.0], 0)
        assert targets.tolist() == contest.y[chosen].tolist()
        pixels = torch.from_numpy(phase.images.source.pixels[chosen]).permute(0, 3, 1, 2) / 255
        with torch.inference_mode():
            torch.testing.assert_close(values, activations(model, phase.images.source.normalised(pixels)))


def test_whatever_else_they_are_made_of_has_a_file_of_its_own(contest: Contest, tmp_path: Path) -> None:
    def count(contest: Contest, **keys: Any) -> int:
        data(contest, frozen(**keys), slice(0, 100), tmp_path / "shelf")
        shutil.rmtree(tmp_path / "shelf")
        return len(files(contest))

    assert count(contest) == 1
    assert count(contest, size=24) == 2
    assert count(contest, mean=[0.1]) == 3
    assert count(contest, resize="squash") == 4
    assert count(contest, head="concat_pool") == 5
    write_weights(contest.root, seed=6)
    assert count(contest) == 6
    # the same images in another order
    table = contest.root / "inputs" / "train.csv"
    first, *lines = table.read_text().splitlines()
    table.write_text("\n".join([first, *lines[::-1]]) + "\n")
    assert count(load_contest(contest.root)) == 7


def test_layers_that_have_learnt_in_between_are_another_network() -> None:
    model = build_model(ModelSpec("resnet10t", 4, 1, 16, SMALL, "x"), "none", Path())
    before = backbone_hash(model)
    with torch.no_grad():
        model.fc.weight.add_(1)  # type: ignore[union-attr, operator]
    assert backbone_hash(model) == before
    with torch.no_grad():
        model.bn1.running_mean.add_(1)  # type: ignore[union-attr, operator]
    assert backbone_hash(model) != before


def test_what_was_stopped_while_they_were_computed_leaves_nothing_behind(tmp_path: Path) -> None:
    def stops() -> Iterator[np.ndarray]:
        yield np.ones((3, 2), np.float32)
        raise Stop

    with pytest.raises(Stop):
        open_activations(tmp_path, "a", 5, stops())
    assert not list(tmp_path.glob("*.npy")) and not list(tmp_path.glob(".*.tmp"))
    whole = [np.full((3, 2), 1, np.float32), np.full((2, 2), 2, np.float32)]
    assert open_activations(tmp_path, "a", 5, whole)[:, 0].tolist() == [1, 1, 1, 2, 2]
    assert open_activations(tmp_path, "a", 5, stops())[:, 0].tolist() == [1, 1, 1, 2, 2]


def test_a_phase_that_was_stopped_ends_with_the_same_bytes(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases = [HEAD, {"epochs": 1, "lr": 1e-3}, {**HEAD, "epochs": 1}]
    config = frozen(phases=phases, dropout=0.3, optimizer="sgd")
    wanted = results(contest, *train(contest, config, tmp_path / "straight"))
    assert len(files(contest)) == 2, "before and after the whole network has learnt"
    for stop_after in (1, 3):
        folder = tmp_path / str(stop_after)
        with stopped_at_save(monkeypatch, stop_after):
            train(contest, config, folder)
        assert results(contest, *train(contest, config, folder)) == wanted
    # computed anew, by other workers, they are the same
    for file in files(contest):
        file.unlink()
    other = config.model_copy(update={"workers": 3})
    assert results(contest, *train(contest, other, tmp_path / "anew")) == wanted


def test_the_pipeline_s_augmentation_waits_for_the_other_phases() -> None:
    config = frozen(augment="side_on", erase=0.5, train_bn=True, phases=[HEAD, {"epochs": 1}])
    first, second = plan_phases(config, 100, "x")
    assert (first.augment, first.erase, first.train_bn) == ("none", 0, False)
    assert (second.augment, second.erase, second.train_bn) == ("side_on", 0.5, True)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"train": "all"}, "precompute: goes with train: head, not with train: all"),
        ({"train": 2}, "precompute: goes with train: head"),
        ({"augment": "basic"}, "augment: has no place in the same phase"),
        ({"erase": 0.5}, "erase: has no place"),
        ({"mixup": 0.4}, "mixup: has no place"),
        ({"cutmix": 1.0}, "cutmix: has no place"),
        ({"train_bn": True}, "train_bn: has no place"),
    ],
)
def test_what_stored_rows_cannot_have_is_refused(keys: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        recipe(phases=[{**HEAD, **keys}])


def test_a_model_with_two_classifiers_is_refused_before_it_begins(contest: Contest) -> None:
    config = recipe(model="deit_tiny_distilled_patch16_224", timm_args={}, size=32, phases=[HEAD])
    with pytest.raises(ConfigError, match="precompute: VisionTransformerDistilled does not end in one classifier"):
        ImageLearner(contest, config, "cnn", Reporter()).check()


def test_only_the_head_learns(contest: Contest, tmp_path: Path) -> None:
    """Layers that a model groups with its classifier stand still, for what is stored has gone through them."""
    config = recipe(model="mobilenetv3_small_050", timm_args={}, size=32, phases=[{**HEAD, "snapshots": True}] * 2)
    _, shelf = train(contest, config, tmp_path / "shelf")
    first, last = load_member(shelf, "snapshot-1"), load_member(shelf, "snapshot-2")
    assert {name for name in first if not torch.equal(first[name], last[name])} == {
        "classifier.weight",
        "classifier.bias",
    }
