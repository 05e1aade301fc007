"""Killed with -9 at random moments and run again: the same bytes as a run that was never killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from conftest import IMAGES, REPO, outfold, write_contest, write_images

CNN = """\
learner: image
model: resnet10t
weights: none
size: 32
channels: 1
augment: basic
dropout: 0.2
batch_size: 16
workers: 1
phases:
  - {train: all, cycles: 2, cycle_len: 1, cycle_mult: 2, lr: 3e-3, snapshots: true}
tta: 1
"""
GBDT = "learner: gbdt\nrounds: 60\nearly_stopping: 10\n"
RESULTS = ["cnn/oof", "cnn/test", "lightgbm/oof", "lightgbm/test", "blend/oof", "blend/test"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small image contest, run to its end without a kill."""
    root = tmp_path_factory.mktemp("never") / "contest"
    write_images(root, rows=48)
    write_contest(root, IMAGES, cnn=CNN, lightgbm=GBDT)
    for stage in ("download", "split", "train", "predict", "ensemble", "submit"):
        outfold(root, stage)
    return root


def fresh(finished: Path, root: Path, *, models: bool) -> Path:
    """The same contest, with or without its trained models."""
    shutil.copytree(finished, root)
    for name in ("blend", *(() if models else ("cnn", "lightgbm"))):
        shutil.rmtree(root / "artifacts" / name)
    if models:
        for name in ("cnn", "lightgbm"):
            (root / "artifacts" / name / "test.parquet").unlink()
    return root


def kill_after(root: Path, stage: str, seconds: float) -> bool:
    """Run a stage and kill it after so long; whether it was still running."""
    child = subprocess.Popen(
        [sys.executable, "-m", "outfold", "--root", str(root), stage],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(REPO / "src")},
    )
    try:
        child.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.wait()
        return True


def results(root: Path) -> dict[str, bytes]:
    return {name: (root / "artifacts" / f"{name}.parquet").read_bytes() for name in RESULTS}


def test_training_killed_at_random_moments(finished: Path, tmp_path: Path) -> None:
    root = fresh(finished, tmp_path / "killed", models=False)
    began = time.monotonic()
    outfold(root, "train")
    whole = time.monotonic() - began
    shutil.rmtree(root / "artifacts" / "cnn")
    shutil.rmtree(root / "artifacts" / "lightgbm")
    draw = random.Random()  # truly random: each run of the suite kills elsewhere
    killed = sum(kill_after(root, "train", draw.uniform(0.45, 0.95) * whole) for _ in range(3))
    assert killed >= 1
    for stage in ("train", "predict", "ensemble"):
        outfold(root, stage)
    assert results(root) == results(finished)


def test_prediction_and_blend_killed_at_random_moments(finished: Path, tmp_path: Path) -> None:
    root = fresh(finished, tmp_path / "killed", models=True)
    draw = random.Random()
    for stage in ("predict", "ensemble"):
        for _ in range(2):
            kill_after(root, stage, draw.uniform(0.8, 4.0))
        outfold(root, stage)
    assert results(root) == results(finished)
    for path in (root / "artifacts").rglob("*.parquet"):
        pd.read_parquet(path)  # nothing half-written anywhere


def test_an_upgrade_of_the_toolkit_alone_retrains_nothing_and_a_new_revision_does(
    finished: Path, tmp_path: Path
) -> None:
    root = fresh(finished, tmp_path / "upgraded", models=True)
    checkout = tmp_path / "src"
    shutil.copytree(REPO / "src", checkout, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    code = checkout / "outfold" / "learners" / "image.py"
    code.write_text(code.read_text() + "\n# a later version\n")
    assert "up to date" in upgraded(root, checkout, "train", "cnn")
    revisions = checkout / "outfold" / "learners" / "revisions.json"
    revisions.write_text(revisions.read_text().replace('"gbdt": 1', '"gbdt": 99'))
    assert "up to date" in upgraded(root, checkout, "train", "cnn")
    assert "up to date" not in upgraded(root, checkout, "train", "lightgbm")


def upgraded(root: Path, checkout: Path, *arguments: str) -> str:
    """The stage as another version of the toolkit runs it."""
    done = subprocess.run(
        [sys.executable, "-m", "outfold", "--root", str(root), *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(checkout)},
    )
    return done.stdout
