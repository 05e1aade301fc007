"""``compile: true`` changes how fast the steps are, and nothing else that anybody sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from ear import Ear
from image_contest import digits_contest
from stopping import stopped_at_save
from torch import Tensor, fx

from outfold.config.image import ImagePipeline
from outfold.contest import Contest
from outfold.learners.image.learner import ImageLearner
from outfold.store.fold_dir import Shelf
from outfold.training import compiled
from outfold.training.checkpoint import load_member

pytestmark = pytest.mark.usefixtures("one_thread")


class Backend:
    """Takes the place of the compiler: runs what torch has traced as it is, and counts."""

    def __init__(self) -> None:
        self.traced, self.run = list[tuple[int, ...]](), 0

    def __call__(self, graph: fx.GraphModule, inputs: list[Any]) -> Any:
        images = next(v for v in inputs if isinstance(v, Tensor) and v.ndim == 4 and v.shape[-1] >= 16)
        self.traced.append(tuple(images.shape))

        def run(*args: Any) -> Any:
            self.run += 1
            return graph.forward(*args)

        return run


def recipe(**keys: Any) -> ImagePipeline:
    base = {
        "learner": "image",
        "model": "resnet10t",
        "timm_args": {"channels": [4, 8, 8, 16], "stem_width": 4},
        "weights": "none",
        "size": 16,
        "channels": 1,
        "batch_size": 32,
        "workers": 0,
        "tta": 0,
        "compile": True,
        "phases": [
            {"epochs": 1, "train": "head", "precompute": True},
            {"cycles": 2, "lr": 2e-3, "snapshots": True, "swa": True, "dropout": {"from": 0.5, "to": 0.1}},
            {"epochs": 1, "lr": 1e-3, "size": 24, "ema": 0.9, "clip_grad": 1.0, "mixup": 0.4},
        ],
    }
    return ImagePipeline.model_validate({**base, **keys})


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    return digits_contest(tmp_path_factory.mktemp("digits"), train=120, test=10)


def trained(contest: Contest, config: ImagePipeline, folder: Path) -> tuple[Shelf, list[str]]:
    """The shelf of a fold, and what was warned of."""
    ear = Ear()
    shelf = Shelf.open(folder, "key")
    ImageLearner(contest, config, "cnn", ear).fit(0, contest.train.index[:110], contest.train.index[110:], shelf)
    return shelf, ear.warned


def members(shelf: Shelf) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(shelf.folder.glob("*.safetensors"))}


@pytest.fixture(scope="module")
def eager(contest: Contest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    torch.set_num_threads(1)
    return members(trained(contest, recipe(compile=False), tmp_path_factory.mktemp("eager"))[0])


def test_every_step_goes_through_the_compiler_and_members_average_and_resume_as_ever(
    contest: Contest, eager: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Backend()
    monkeypatch.setattr(compiled, "BACKEND", backend)
    with stopped_at_save(monkeypatch, 2):
        trained(contest, recipe(), tmp_path)
    shelf, warned = trained(contest, recipe(), tmp_path)
    assert members(shelf) == eager and not warned
    assert set(eager) == {f"{name}.safetensors" for name in ("snapshot-1", "snapshot-2", "swa-1", "final")}
    assert not any("_orig_mod" in name or "model." in name for name in load_member(shelf, "final"))
    # 110 rows are batches of 28 and 27; twice, since the run was stopped within the phase of 16 pixels
    assert [shape[0] for shape in backend.traced] == [28, 27] * 3
    assert [shape[2] for shape in backend.traced] == [16] * 4 + [24] * 2
    assert backend.run == 4 * 3, "the steps of three epochs, and neither validation nor the statistics of the average"


def test_without_a_compiler_the_training_goes_on_and_says_so(
    contest: Contest, eager: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(graph: fx.GraphModule, inputs: list[Tensor]) -> Any:
        raise RuntimeError("No working C++ compiler found\nand more of it")

    monkeypatch.setattr(compiled, "BACKEND", none)
    shelf, warned = trained(contest, recipe(), tmp_path)
    assert members(shelf) == eager
    told = "compile: torch.compile does not work here (No working C++ compiler found); the training goes on without it"
    assert warned == [told] * 2, "once a phase"


def test_too_little_memory_is_not_taken_for_a_missing_compiler(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from outfold.errors import OutfoldError

    def full(self: compiled.Compiled, images: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(compiled.Compiled, "_compiled", full)
    with pytest.raises(OutfoldError, match="the GPU's memory is too small"):
        trained(contest, recipe(), tmp_path)


@pytest.mark.slow
def test_the_real_compiler_trains_nearly_the_same_and_the_same_each_time(contest: Contest, tmp_path: Path) -> None:
    phases = [{"epochs": 2, "lr": 2e-3}]
    plain, _ = trained(contest, recipe(compile=False, phases=phases), tmp_path / "eager")
    runs = [trained(contest, recipe(phases=phases), tmp_path / name) for name in ("first", "second")]
    assert members(runs[0][0]) == members(runs[1][0]) and not runs[0][1]
    before, after = load_member(plain, "final"), load_member(runs[0][0], "final")
    assert any(not torch.equal(before[name], after[name]) for name in before), "it did go through the compiler"
    for name in before:
        torch.testing.assert_close(before[name], after[name], rtol=0.05, atol=0.01)
