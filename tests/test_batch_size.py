"""``batch_size: auto``: the largest batch that there is memory for, found once, and the same ever after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import IMAGES, write_contest, write_images
from hypothesis import given
from hypothesis import strategies as st
from image_contest import digits_contest
from stopping import stopped_at_save
from torch import Tensor, nn

from outfold.config.image import ImagePipeline
from outfold.config.load import load_pipeline
from outfold.contest import Contest
from outfold.errors import ConfigError, OutfoldError
from outfold.learners.image import batch_size as image_batch_size
from outfold.learners.image.learner import ImageLearner
from outfold.progress import Reporter
from outfold.runs.context import Context
from outfold.stages.predict import predict
from outfold.stages.split import split
from outfold.stages.summary import summary
from outfold.stages.train import train
from outfold.store.fold_dir import Shelf
from outfold.training import batch_size as sizes
from outfold.training.batch_size import largest
from outfold.training.oom import free_ram
from outfold.training.step import Step

pytestmark = pytest.mark.usefixtures("one_thread")

TINY: dict[str, Any] = {
    "learner": "image",
    "model": "resnet10t",
    "timm_args": {"channels": [4, 8, 8, 16], "stem_width": 4},
    "weights": "none",
    "size": 16,
    "channels": 1,
    "augment": "basic",
    "mixup": 0.4,
    "batch_size": "auto",
    "workers": 0,
    "tta": 0,
}


def recipe(**keys: Any) -> ImagePipeline:
    return ImagePipeline.model_validate({**TINY, "phases": [{"epochs": 2, "lr": 2e-3}], **keys})


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Contest:
    return digits_contest(tmp_path_factory.mktemp("digits"), train=300, test=10)


def trained(contest: Contest, config: ImagePipeline, folder: Path, fold: int = 0) -> tuple[bytes, list[int]]:
    """The weights, and the batch size of each phase."""
    learner, shelf = ImageLearner(contest, config, "cnn", Reporter()), Shelf.open(folder / str(fold), "key")
    learner.fit(fold, contest.train.index[:280], contest.train.index[280:], shelf)
    return shelf.path("final.safetensors").read_bytes(), (shelf.done or {})["batch_size"]


def crowded(monkeypatch: pytest.MonkeyPatch, room: int) -> list[int]:
    """A GPU that has memory for so many rows at a time; the batches that were tried on it."""
    tried: list[int] = []
    whole = Step.__call__

    def step(self: Step, number: int, batches: Any, rows: int) -> Tensor:
        tried.append(rows)
        if rows > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return whole(self, number, batches, rows)

    monkeypatch.setattr(Step, "__call__", step)
    monkeypatch.setattr(sizes, "by_estimate", sizes.by_trial)
    return tried


@given(room=st.integers(2, 3000), most=st.integers(2, 600))
def test_the_largest_of_the_sizes_that_fit_is_taken(room: int, most: int) -> None:
    asked: list[int] = []

    def fits(rows: int) -> bool:
        asked.append(rows)
        return rows <= room

    every = {2**k for k in range(1, 12)} | {3 * 2**k for k in range(11)}
    assert largest(fits, most) == max(size for size in every if size <= min(room, most))
    assert max(asked) <= most, "no more is tried than may be taken"


def test_where_not_even_two_rows_fit_there_is_no_batch() -> None:
    assert largest(lambda rows: False, 64) is None


def test_what_is_found_trains_to_the_bytes_of_that_number(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = crowded(monkeypatch, 14)
    weights, found = trained(contest, recipe(), tmp_path / "auto")
    assert found == [12] and tried[:9] == [2, 2, 4, 4, 8, 8, 16, 12, 12]
    assert weights == trained(contest, recipe(batch_size=12), tmp_path / "given")[0]


def test_all_folds_and_a_run_that_goes_on_have_what_was_found_first(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        crowded(patched, 14)
        straight = [trained(contest, recipe(), tmp_path / "straight", fold)[0] for fold in (0, 1)]
    with monkeypatch.context() as patched:
        crowded(patched, 14)
        with stopped_at_save(patched, 1):
            trained(contest, recipe(), tmp_path / "stopped")
    # other memory by now: nothing is tried any more
    tried = crowded(monkeypatch, 24)
    assert trained(contest, recipe(), tmp_path / "stopped") == (straight[0], [12])
    assert trained(contest, recipe(), tmp_path / "stopped", 1) == (straight[1], [12])
    assert set(tried) <= {11, 12}
    shelf = Shelf.open(tmp_path / "stopped" / "0", "another key")
    assert image_batch_size.agreed(shelf, "phase 1", lambda: 20) == 20, "of something else it is not taken"


def test_each_phase_has_its_own_and_numbers_stay(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []

    def by_size(job: Any, model: nn.Module, plan: Any) -> Any:
        def fits(rows: int) -> bool:
            seen.append((plan.size, rows))
            return rows * plan.size**2 <= 16 * 16 * 24

        return fits

    monkeypatch.setattr(sizes, "by_estimate", by_size)
    phases = [
        {"epochs": 1, "train": "head", "precompute": True},
        {"epochs": 1, "size": 24},
        {"epochs": 1, "batch_size": 20},
        {"epochs": 1},
    ]
    assert trained(contest, recipe(phases=phases), tmp_path)[1] == [24, 8, 20, 24]
    assert (24, 32) not in seen and (16, 32) not in seen, "an epoch keeps ten steps"


def test_on_a_cpu_the_memory_that_is_free_decides(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name, free in (("much", 1 << 34), ("less", 1_000_000)):
        monkeypatch.setattr(sizes, "free_ram", lambda free=free: free)
        weights, (rows,) = trained(contest, recipe(), tmp_path / name)
        assert weights == trained(contest, recipe(batch_size=rows), tmp_path / f"{name} given")[0]
        found.append(rows)
    assert found[0] == 24 and 2 <= found[1] < 24
    monkeypatch.setattr(sizes, "free_ram", lambda: 10_000)
    with pytest.raises(OutfoldError, match=r"(?s)phases\[0\]: batch_size: auto: too little memory.*size: smaller"):
        trained(contest, recipe(), tmp_path / "none")


def test_what_a_container_may_take_is_less_than_what_the_machine_has(tmp_path: Path) -> None:
    machine = free_ram(tmp_path)
    assert machine > 1 << 20
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 300000\ninactive_file 500000\nactive_file 100000\n")
    assert free_ram(tmp_path) == 700_000, "files that are only kept do not count"
    (tmp_path / "memory.max").write_text("max\n")
    assert free_ram(tmp_path) > 1 << 20


def test_the_stage_records_it_and_predictions_need_no_number(tmp_path: Path) -> None:
    write_images(tmp_path, rows=60)
    write_contest(tmp_path, IMAGES, cnn=json.dumps({**TINY, "phases": [{"epochs": 1, "lr": 2e-3}]}))
    split(Context(tmp_path))
    said = summary(Context(tmp_path), "cnn").policy[-1]
    assert said == "batch_size: auto: found when phase 1 is first trained; 64 stands for it here"
    manifest = train(Context(tmp_path), "cnn")
    assert manifest.batch_size == [8]
    kept = json.loads((tmp_path / "artifacts" / "cnn" / "folds" / "batch_size.json").read_text())
    assert kept.pop("sha256")
    assert kept == {"made_of": manifest.fingerprint, "found": {"phase 1": 8}}
    assert (tmp_path / "artifacts" / "cnn" / "schedule.png").exists()
    predict(Context(tmp_path), "cnn")
    assert set(Context(tmp_path).contest.test.index) == set(
        pd.read_parquet(tmp_path / "artifacts/cnn/test.parquet")["id"]
    )


def test_a_gpu_is_asked_how_many_rows_it_can_predict_and_is_asked_once(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, shelf = recipe(), Shelf.open(tmp_path / "0", "key")
    ImageLearner(contest, config, "cnn", Reporter()).fit(0, contest.train.index[:280], contest.train.index[280:], shelf)
    asked: list[int] = []

    def predict(rows: int) -> None:
        asked.append(rows)
        if rows > 50:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    class Voter:
        size = 16

    Voter.shelf = shelf  # type: ignore[attr-defined]
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    voter: Any = Voter()
    assert image_batch_size.rows_to_predict(recipe(batch_size=7), voter, gpu, predict) == 7
    assert image_batch_size.rows_to_predict(config, voter, cpu, predict) == 64 and not asked
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    monkeypatch.setattr(sizes, "_on_gpu", lambda device: False)
    for _ in range(2):
        assert image_batch_size.rows_to_predict(config, voter, gpu, predict) == 48
    assert asked == [2, 4, 8, 16, 32, 64, 48]


def test_a_word_that_is_no_batch_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("learner: image\nbatch_size: largest\nphases: [{epochs: 1}]\n")
    with pytest.raises(ConfigError, match=r"p\.yaml:2: batch_size"):
        load_pipeline(tmp_path / "p.yaml")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_is_filled_up_to_a_margin_and_not_beyond() -> None:
    gpu = torch.device("cuda", 0)
    free = torch.cuda.mem_get_info(gpu)[0]
    share = {part: int(part * free) for part in (0.5, 0.95, 1.5)}
    fits = {
        part: sizes.within_memory(lambda size=size: torch.empty(size, dtype=torch.uint8, device=gpu).sum(), gpu)
        for part, size in share.items()
    }
    assert fits == {0.5: True, 0.95: False, 1.5: False}
    assert np.isclose(torch.cuda.mem_get_info(gpu)[0], free, rtol=0.05), "nothing is kept"
