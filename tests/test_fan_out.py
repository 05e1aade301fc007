"""Folds side by side: the bytes of one after the other, one voice, one end."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import IMAGES, REPO, outfold, write_contest, write_images
from rich.console import Console

from outfold.config.gbdt import GbdtPipeline
from outfold.config.image import ImagePipeline
from outfold.errors import ConfigError
from outfold.progress import LineReporter
from outfold.runs.compute import Compute, placed
from outfold.runs.context import Context
from outfold.runs.parallel.progress_relay import Switchboard
from outfold.stages.train import train
from outfold.terminal import RichReporter

CNN = """\
learner: image
model: resnet10t
timm_args: {stem_width: 8, channels: [8, 8, 8, 8]}
weights: none
size: 24
channels: 1
augment: basic
precision: fp32
batch_size: 16
workers: 1
phases:
  - {train: all, cycles: CYCLES, cycle_len: 1, lr: 3e-3, snapshots: true}
tta: 1
"""


def contest(root: Path, cycles: int = 3) -> Path:
    """A small contest of images in four folds."""
    write_images(root, rows=48, size=24)
    write_contest(root, IMAGES.replace("n: 2", "n: 4"), cnn=CNN.replace("CYCLES", str(cycles)))
    for stage in ("download", "split"):
        outfold(root, stage)
    return root


def oof(root: Path, name: str = "cnn") -> bytes:
    return (root / "artifacts" / name / "oof.parquet").read_bytes()


def shelf(root: Path, fold: int) -> Path:
    return root / "artifacts" / "cnn" / "folds" / str(fold)


def test_processes_have_the_devices_in_turn_and_nothing_of_it_is_part_of_a_model() -> None:
    plain = ImagePipeline(learner="image")
    config = ImagePipeline(learner="image", jobs=4, devices=["cpu", "cuda:9"])
    assert config.fit_key() == plain.fit_key() and config.inference_key() == plain.inference_key()
    assert [placed(config, ["cuda:0", "cuda:1"], number).device for number in range(3)] == [
        "cuda:0",
        "cuda:1",
        "cuda:0",
    ]

    assert Compute().jobs_for(plain) == 1
    assert Compute().jobs_for(config) == 4
    assert Compute(jobs=2).jobs_for(config) == 2
    assert Compute(devices=["cpu", "cpu", "cpu"]).jobs_for(plain) == 3
    assert Compute(devices=["cpu", "cpu", "cpu"]).jobs_for(GbdtPipeline(learner="gbdt")) == 1
    assert Compute(devices=["cpu", "cpu"]).devices_for(config, "cnn.yaml") == ["cpu", "cpu"]
    assert Compute().devices_for(ImagePipeline(learner="image", device="cpu"), "cnn.yaml") == ["cpu"]
    with pytest.raises(ConfigError, match=r"cnn.yaml: device: cuda:9; this machine has \d+ CUDA GPUs"):
        Compute().devices_for(config, "cnn.yaml")


def test_boosters_side_by_side_are_those_of_one_after_the_other(tabular: Path) -> None:
    for stage in ("download", "split"):
        outfold(tabular, stage)
    train(Context(tabular), "lightgbm")
    before = oof(tabular, "lightgbm")
    shutil.rmtree(tabular / "artifacts" / "lightgbm")
    said = io.StringIO()
    manifest = train(Context(tabular, LineReporter(said)), "lightgbm", compute=Compute(jobs=2))
    assert manifest.complete
    assert oof(tabular, "lightgbm") == before
    for fold in range(3):
        assert said.getvalue().count(f"lightgbm fold {fold}: auc") == 1


@pytest.mark.slow
def test_a_fold_that_fails_stops_the_others_and_they_go_on_later(tmp_path: Path) -> None:
    root = contest(tmp_path / "contest")
    outfold(root, "train")
    whole = oof(root)
    (root / "artifacts" / "cnn" / "oof.parquet").unlink()
    for fold in (0, 2, 3):
        shutil.rmtree(shelf(root, fold))
    for name in ("done.json", "oof.parquet"):
        (shelf(root, 1) / name).unlink()
    broken = shelf(root, 1) / "checkpoint.pt"
    broken.write_bytes(b"no checkpoint")

    failed = outfold(root, "train", "--jobs", "2", check=False)
    assert failed.returncode == 1
    assert "internal error" in failed.stderr
    assert not (shelf(root, 3) / "checkpoint.pt").exists(), "begun after the failure"

    broken.unlink()
    said = outfold(root, "train", "--jobs", "2").stdout
    assert all(said.count(f"cnn fold {fold}: log_loss") == 1 for fold in range(4))
    assert oof(root) == whole


CALLER = """\
import sys, time
from outfold.progress import Stopped
from outfold.runs.parallel.progress_relay import Line
line = Line(("127.0.0.1", int(sys.argv[1])), bytes.fromhex(sys.argv[2]))
line.warn("a row is odd")
with line.bar("fold", 10, "steps") as bar:
    bar.advance(3, loss="0.5")
    line.note(f"worker {line.place}")
    for _ in range(600):
        try:
            line.saved()
        except Stopped:
            line.note("stopped")
            break
        time.sleep(0.05)
time.sleep(60)
"""


def called(board: Switchboard) -> subprocess.Popen:
    arguments = [str(board.address[1]), board.key.hex()]
    environment = {**os.environ, "PYTHONPATH": str(REPO / "src")}
    return subprocess.Popen([sys.executable, "-c", CALLER, *arguments], env=environment)


def until(happened: object, seconds: float = 60.0) -> None:
    """Wait for what must come."""
    assert callable(happened)
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_a_line_tells_once_stops_when_asked_and_takes_its_worker_with_it() -> None:
    said = io.StringIO()
    with Switchboard(LineReporter(said)) as board:
        workers = [called(board), called(board)]
        until(lambda: said.getvalue().count("worker") == 2)
        board.stop()
        until(lambda: said.getvalue().count("stopped") == 2)
        assert all(worker.poll() is None for worker in workers)
    assert [worker.wait(10) for worker in workers] == [1, 1]
    assert said.getvalue().count("warning: a row is odd") == 1, "each worker says it; once is enough"
    assert sorted(line for line in said.getvalue().splitlines() if "worker" in line) == ["worker 0", "worker 1"]


def test_bars_on_a_terminal_may_end_in_any_order() -> None:
    screen = io.StringIO()
    reporter = RichReporter(Console(file=screen, force_terminal=True, width=120))
    first, second = reporter.bar("fold 0", 5), reporter.bar("fold 1", 5)
    first.__enter__()
    with second as bar:
        first.__exit__(None, None, None)
        bar.advance(2)
        assert reporter._live is not None
        assert [task.completed for task in reporter._live.tasks] == [2]
    assert reporter._live is None


def begun(root: Path) -> subprocess.Popen:
    """A training side by side, two folds of which have come to their first checkpoint."""
    stage = subprocess.Popen(
        [sys.executable, "-m", "outfold", "--root", str(root), "train", "--jobs", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPO / "src")},
        start_new_session=True,
    )
    until(lambda: len(list(root.glob("artifacts/cnn/folds/*/checkpoint.pt"))) == 2)
    return stage


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_the_stage_and_the_rest_is_trained_later(tmp_path: Path, end: signal.Signals) -> None:
    root = contest(tmp_path / "contest", cycles=40)
    stage = begun(root)
    workers = psutil.Process(stage.pid).children(recursive=True)
    assert len(workers) >= 2
    if end == signal.SIGINT:
        os.killpg(stage.pid, end)  # Ctrl-C reaches every process of the terminal
    else:
        stage.send_signal(end)
    said = stage.communicate(timeout=30)[1]
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    if end == signal.SIGINT:
        assert stage.returncode == 130
        assert "goes on from its last epoch" in said
        assert "Traceback" not in said
    assert len(list(root.glob("artifacts/cnn/folds/*/done.json"))) < 4
    outfold(root, "train", "--jobs", "2")
    killed = oof(root)
    shutil.rmtree(root / "artifacts" / "cnn")
    outfold(root, "train")
    assert oof(root) == killed


@pytest.mark.slow
def test_a_worker_that_the_system_ends_is_told_in_words(tmp_path: Path) -> None:
    root = contest(tmp_path / "contest", cycles=40)
    stage = begun(root)
    workers = [one for one in psutil.Process(stage.pid).children() if "popen_loky_posix" in " ".join(one.cmdline())]
    workers[0].kill()
    said = stage.communicate(timeout=30)[1]
    assert stage.returncode == 2
    assert "ended by the system" in said and "fewer --jobs" in said and "Traceback" not in said
    assert psutil.wait_procs(workers, timeout=10)[1] == []
