"""Killed with -9 at random moments and run again: the same bytes as a run that was never killed.

A stage runs in a process of its own, which is killed without a chance to tidy up. The moments are truly random, so that
each run of the suite kills elsewhere.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from conftest import IMAGES, REPO, outfold, write_contest, write_images

from outfold.training.checkpoint import CHECKPOINT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9")

SMALL = """\
learner: image
model: resnet10t
timm_args: {channels: [8, 8, 16, 16], stem_width: 8}
weights: none
size: 24
channels: 1
dropout: 0.2
batch_size: 8
workers: 1
tta: 1
"""
# stored activations, a rate that is looked for, images that grow, mixtures, moving and plain averages, repeated rows
EVERYTHING = f"""\
{SMALL}\
augment: [{{Rotate: {{limit: 20}}}}, {{GaussNoise: {{p: 0.5}}}}]
sampling: balanced
phases:
  - {{train: head, precompute: true, epochs: 4, lr: find}}
  - {{size: 16, epochs: 5, lr: find, mixup: {{from: 0.1, to: 0.8}}, ema: 0.9, augment: side_on, erase: 0.2}}
  - {{cycles: 3, cycle_len: 1.5, lr: [1e-3, 2e-3], cutmix: 1.0, swa: true, snapshots: true}}
"""
# a head of our own and momentum that move between activations and images, a share of the rows, accumulated steps
LONGER = f"""\
{SMALL.replace("dropout: 0.2", "ps: 0.3")}\
head: concat_pool
optimizer: sgd
augment: crop
loss: focal
class_weight: balanced
phases:
  - {{train: head, precompute: true, epochs: 3, lr: 1e-2, ema: 0.8}}
  - {{size: 16, epochs: 6, data: 0.7, schedule: constant, lr: find, swa: true, accumulate: 2}}
  - {{size: 32, train: 2, epochs: 3, schedule: flat_cosine, lr: 1e-3, momentum: {{from: 0.8, to: 0.95}}}}
  - {{cycles: 2, cycle_mult: 2, lr: find, lr_ratio: 3, weight_decay: {{from: 0.0, to: 0.1}}, snapshots: true}}
"""
GBDT = "learner: gbdt\nrounds: 60\nearly_stopping: 10\n"


@dataclass
class Finished:
    """A small image contest, run to its end without a kill."""

    root: Path
    seconds: float
    """How long a process was busy with training."""


def finish(root: Path, cnn: str) -> Finished:
    write_images(root, rows=48)
    write_contest(root, IMAGES, cnn=cnn, lightgbm=GBDT)
    for stage in ("download", "split"):
        outfold(root, stage)
    child = started(root, "train", seen=lock(root, "cnn"))
    began = time.monotonic()
    assert child.wait() == 0
    seconds = time.monotonic() - began
    for stage in ("predict", "ensemble", "submit"):
        outfold(root, stage)
    return Finished(root, seconds)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return finish(tmp_path_factory.mktemp("never") / "contest", EVERYTHING)


def fresh(finished: Finished, root: Path, *, models: bool) -> Path:
    """The same contest, with or without its trained models."""
    shutil.copytree(finished.root, root)
    for name in ("blend", *(() if models else ("cnn", "lightgbm", "cache"))):
        shutil.rmtree(root / "artifacts" / name)
    if models:
        for name in ("cnn", "lightgbm"):
            (root / "artifacts" / name / "test.parquet").unlink()
    return root


def lock(root: Path, name: str) -> Path:
    """What a stage writes as it begins to work on a pipeline."""
    return root / "artifacts" / name / ".lock"


def started(root: Path, stage: str, *, seen: Path) -> subprocess.Popen[bytes]:
    """A stage in a process of its own, which has just written the file ``seen``, or has ended without."""

    def stamp() -> int:
        return seen.stat().st_mtime_ns if seen.exists() else 0

    before = stamp()
    child = subprocess.Popen(
        [sys.executable, "-m", "outfold", "--root", str(root), stage],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(REPO / "src")},
    )
    while child.poll() is None and stamp() == before:
        time.sleep(0.001)
    return child


def killed(child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Kill a process after so long; whether it was still running."""
    try:
        child.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.wait()
        return True


def results(root: Path) -> dict[str, bytes]:
    """All predictions, and the weights of every member."""
    artifacts = root / "artifacts"
    paths = [
        *artifacts.glob("*/oof.parquet"),
        *artifacts.glob("*/test.parquet"),
        *artifacts.glob("cnn/folds/*/*.safetensors"),
    ]
    return {path.relative_to(artifacts).as_posix(): path.read_bytes() for path in paths}


def with_workers(root: Path, count: int) -> None:
    """Let the pipeline's batches be prepared by another number of threads from now on."""
    path = root / "pipelines" / "cnn.yaml"
    path.write_text(re.sub(r"^workers: \d+$", f"workers: {count}", path.read_text(), flags=re.M))


def kill_again_and_again(finished: Finished, root: Path, times: int) -> int:
    """Train with so many kills, the first as a checkpoint is on disk, and end in peace; how many found it at work."""
    fresh(finished, root, models=False)
    checkpoint, hits = root / "artifacts" / "cnn" / "folds" / "0" / CHECKPOINT, 0
    for turn in range(times):
        with_workers(root, turn % 4)
        if turn == 0:
            hits += killed(started(root, "train", seen=checkpoint), random.uniform(0, 0.02))
        else:
            hits += killed(started(root, "train", seen=lock(root, "cnn")), random.uniform(0, 0.6 * finished.seconds))
    with_workers(root, 3)
    for stage in ("train", "predict", "ensemble"):
        outfold(root, stage)
    return hits


def test_training_killed_at_random_moments(finished: Finished, tmp_path: Path) -> None:
    assert kill_again_and_again(finished, tmp_path / "killed", times=3) >= 1
    assert results(tmp_path / "killed") == results(finished.root)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [EVERYTHING, LONGER], ids=["everything", "longer"])
def test_training_killed_again_and_again(tmp_path: Path, recipe: str) -> None:
    finished = finish(tmp_path / "never", recipe)
    for turn in range(2):
        assert kill_again_and_again(finished, tmp_path / str(turn), times=8) >= 2
        assert results(tmp_path / str(turn)) == results(finished.root)


def test_prediction_and_blend_killed_at_random_moments(finished: Finished, tmp_path: Path) -> None:
    root = fresh(finished, tmp_path / "killed", models=True)
    for stage, name in (("predict", "cnn"), ("ensemble", "blend")):
        killed(started(root, stage, seen=lock(root, name)), random.uniform(0, 2))
        outfold(root, stage)
    assert results(root) == results(finished.root)
    for path in (root / "artifacts").rglob("*.parquet"):
        pd.read_parquet(path)  # nothing half-written anywhere


def test_an_upgrade_of_the_toolkit_alone_retrains_nothing_and_a_new_revision_does(
    finished: Finished, tmp_path: Path
) -> None:
    root = fresh(finished, tmp_path / "upgraded", models=True)
    checkout = tmp_path / "src"
    shutil.copytree(REPO / "src", checkout, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    code = checkout / "outfold" / "learners" / "image" / "learner.py"
    code.write_text(code.read_text() + "\n# a later version\n")
    assert "up to date" in upgraded(root, checkout, "train", "cnn")
    revisions = checkout / "outfold" / "learners" / "revisions.json"
    revisions.write_text(json.dumps(json.loads(revisions.read_text()) | {"gbdt": 99}))
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
