"""No process outlives a parent that was killed with -9, at whatever moment, by more than a few seconds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from conftest import IMAGES, REPO, outfold, write_contest, write_images

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9")

ENDLESS = """\
learner: image
model: resnet10t
timm_args: {stem_width: 8, channels: [8, 8, 8, 8]}
weights: none
size: 24
channels: 1
batch_size: 16
workers: 1
phases: [{train: all, epochs: 100000, lr: 1e-4}]
tta: 1
"""
SLOW = "learner: gbdt\nrounds: 50000\nearly_stopping: 0\nshap: false\nparams: {learning_rate: 0.0001}\n"
TUNE = SLOW + "tune: {seed: [0, 1, 2, 3]}\n"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("killed") / "contest"
    write_images(root, rows=24, size=24)
    write_contest(root, IMAGES, cnn=ENDLESS, slow=SLOW, tuned=TUNE)
    for stage in ("download", "split"):
        outfold(root, stage)
    return root


def has_children(parent: psutil.Process, root: Path) -> bool:
    return len(workers(parent)) >= 2


def trains(parent: psutil.Process, root: Path) -> bool:
    return bool(list(root.glob("artifacts/cnn/folds/*/checkpoint.pt")))


def works(parent: psutil.Process, root: Path) -> bool:
    """Its workers have been computing for a while."""
    return sum(sum(child.cpu_times()[:2]) > 6 for child in workers(parent)) >= 2


def workers(parent: psutil.Process) -> list[psutil.Process]:
    found = []
    for child in parent.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # one of those that live for a moment
            if "resource_tracker" not in " ".join(child.cmdline()):
                found.append(child)
    return found


@pytest.mark.parametrize(
    ("arguments", "moment"),
    [
        (["train", "cnn", "--processes", "2"], has_children),
        pytest.param(["train", "cnn", "--processes", "2"], trains, marks=pytest.mark.slow),
        pytest.param(["train", "slow", "--jobs", "2"], has_children, marks=pytest.mark.slow),
        pytest.param(["train", "slow", "--jobs", "2"], works, marks=pytest.mark.slow),
        pytest.param(["tune", "tuned", "--jobs", "2"], has_children, marks=pytest.mark.slow),
        pytest.param(["tune", "tuned", "--jobs", "2"], works, marks=pytest.mark.slow),
    ],
)
def test_no_process_outlives_a_killed_parent(
    images: Path, arguments: list[str], moment: Callable[[psutil.Process, Path], bool]
) -> None:
    words = [sys.executable, "-m", "outfold", "--root", str(images), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(REPO / "src")}
    launcher = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    parent, end = psutil.Process(launcher.pid), time.monotonic() + 120
    try:
        while not moment(parent, images):
            assert launcher.poll() is None and time.monotonic() < end
            time.sleep(0.02)
        children = parent.children(recursive=True)
    finally:
        launcher.send_signal(signal.SIGKILL)
        launcher.wait()
    left = psutil.wait_procs(children, timeout=20)[1]
    for child in left:
        child.kill()
    assert left == []
