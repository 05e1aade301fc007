"""One model on several processes (gloo on the CPU): the training of one process, told once, ended together."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from conftest import IMAGES, REPO, outfold, write_contest, write_images
from safetensors.torch import load_file
from timm import create_model

from outfold.errors import ConfigError, OutfoldError
from outfold.runs.compute import Compute
from outfold.training.distributed import Ranks

CNN = """\
learner: image
model: resnet10t
timm_args: {stem_width: 8, channels: [8, 8, 8, 8], norm_layer: NORM}
weights: none
size: 24
channels: 1
augment: basic
precision: fp32
batch_size: 16
workers: 1
MORE
phases:
  - {train: head, epochs: 1, lr: 1e-2}
  - {train: all, cycles: CYCLES, cycle_len: 1, lr: LR, snapshots: true}
tta: 1
"""


def contest(root: Path, *, norm: str = "batchnorm", cycles: int = 2, lr: str = "3e-3", more: str = "") -> Path:
    """A small contest of images in two folds."""
    write_images(root, rows=48, size=24)
    recipe = CNN.replace("NORM", norm).replace("CYCLES", str(cycles)).replace("LR", lr).replace("MORE", more)
    write_contest(root, IMAGES, cnn=recipe)
    for stage in ("download", "split"):
        outfold(root, stage)
    return root


def oof(root: Path) -> Path:
    return root / "artifacts" / "cnn" / "oof.parquet"


def test_ranks_share_every_batch_and_draw_for_themselves() -> None:
    batches = [np.arange(7), np.arange(10, 14)]
    shares = [Ranks(rank, 3).share(batches) for rank in range(3)]
    for number, batch in enumerate(batches):
        parts = [share[number] for share in shares]
        assert sorted(np.concatenate(parts)) == list(batch)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert Ranks(0, 3).own(5) == 5
    assert len({Ranks(rank, 3).own(5) for rank in range(3)}) == 3
    with pytest.raises(OutfoldError, match="batch of 2 rows cannot be shared by 3 processes"):
        Ranks(1, 3).share([np.arange(2)])
    with pytest.raises(ConfigError, match="--processes one fold at a time"):
        Compute(jobs=2, processes=2)


def test_on_gpus_batchnorm_layers_become_synchronised_ones_that_keep_weights_and_activation() -> None:
    model = create_model("resnet10t", num_classes=2, in_chans=1)
    images = torch.randn(2, 1, 32, 32)
    before, names = model.eval()(images), list(model.state_dict())
    assert Ranks(0, 2).synchronised(model, torch.device("cpu")) is model
    found = Ranks(0, 2).synchronised(model, torch.device("cuda"))
    assert any(isinstance(layer, torch.nn.SyncBatchNorm) for layer in found.modules())
    assert found is model
    assert list(found.state_dict()) == names
    assert torch.equal(found.eval()(images), before)


def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    root = contest(tmp_path / "contest", norm="groupnorm1")
    found = {}
    for processes in ("1", "2"):
        outfold(root, "train", "cnn", "--fold", "0", "--processes", processes)
        folder = root / "artifacts" / "cnn"
        found[processes] = load_file(folder / "folds" / "0" / "snapshot-2.safetensors"), pd.read_parquet(oof(root))
        shutil.rmtree(folder)
    (one, alone), (two, together) = found["1"], found["2"]
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, rtol=1e-3, atol=1e-4, msg=name)
    pd.testing.assert_frame_equal(alone, together, rtol=1e-3, atol=1e-4)
    assert not one["fc.weight"].equal(two["fc.weight"]), "sums are taken in another order: was there a second process?"


@pytest.mark.slow
def test_an_error_of_every_process_is_told_once(tmp_path: Path) -> None:
    root = contest(tmp_path / "contest", lr="1e30")
    failed = outfold(root, "train", "cnn", "--processes", "2", check=False)
    assert failed.returncode == 2
    assert failed.stderr.count("the loss is") == 1
    assert "Lower lr" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.slow
def test_no_process_outlives_a_killed_launcher_and_the_rest_is_trained_later(tmp_path: Path) -> None:
    root = contest(tmp_path / "contest", cycles=12, more="dropout: 0.2\nmixup: 0.4\nema: 0.9")
    words = [sys.executable, "-m", "outfold", "--root", str(root), "train", "cnn", "--processes", "2"]
    launcher = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(REPO / "src")}, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 90
    while not list(root.glob("artifacts/cnn/folds/0/checkpoint.pt")):
        assert time.monotonic() < end
        time.sleep(0.02)
    ranks = psutil.Process(launcher.pid).children(recursive=True)
    assert len(ranks) >= 2
    launcher.send_signal(signal.SIGKILL)
    launcher.wait()
    assert psutil.wait_procs(ranks, timeout=10)[1] == []
    assert not oof(root).exists()
    outfold(root, "train", "cnn", "--processes", "2")
    resumed = oof(root).read_bytes()
    shutil.rmtree(root / "artifacts" / "cnn")
    outfold(root, "train", "cnn", "--processes", "2")
    assert oof(root).read_bytes() == resumed
