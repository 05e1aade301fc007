"""The command line: exit codes, plain words, no tracebacks."""

from __future__ import annotations

import errno
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import REPO, outfold, outfold_process

import outfold as package


def test_version_and_help() -> None:
    assert outfold_process(REPO, "--version").stdout.strip() == f"outfold {package.__version__}"
    said = outfold(REPO, "--help").stdout
    stages = ("download", "split", "train", "predict", "ensemble", "submit", "doctor", "config", "schema")
    for stage in (*stages, "lr-find", "summary", "show"):
        assert stage in said


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from outfold.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'timm', 'pandas', 'numpy', 'lightgbm', 'sklearn', 'kaggle', 'matplotlib', 'pydantic'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "loaded: []" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tran"], "Did you mean"),
        (["train", "--nope"], "No such option"),
        (["train", "lightgmb"], "did you mean lightgbm?"),
        (["submit"], "Run `outfold"),
        (["predict"], "Run `outfold"),
        (["train", "--fold", "9"], "--fold"),
    ],
)
def test_a_user_s_mistake_is_one_message_and_exit_code_2(tabular: Path, arguments: list[str], said: str) -> None:
    outfold(tabular, "download")
    if "--fold" in arguments:
        outfold(tabular, "split")
    done = outfold(tabular, *arguments, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = outfold_process(tmp_path, "--debug", "split", check=False)
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "no such file" in done.stderr


def test_a_typo_in_a_pipeline_stops_before_anything_is_trained(tabular: Path) -> None:
    (tabular / "pipelines" / "lightgbm.yaml").write_text("learner: gbdt\nround: 10\n")
    outfold(tabular, "download")
    outfold(tabular, "split")
    done = outfold(tabular, "train", "lightgbm", check=False)
    assert done.returncode == 2
    assert "lightgbm.yaml:2: unknown key 'round'; did you mean rounds?" in done.stderr
    assert not (tabular / "artifacts" / "lightgbm" / "folds").exists()


def test_check_reads_everything_and_trains_nothing(tabular: Path) -> None:
    outfold(tabular, "download")
    said = outfold(tabular, "check").stdout
    assert "binary" in said
    assert "pipelines/shallow.yaml: gbdt, ready" in said
    assert not (tabular / "artifacts" / "shallow").exists()


def test_check_looks_at_every_pipeline_though_one_is_wrong(tabular: Path) -> None:
    for name in ("a", "b"):
        (tabular / "pipelines" / f"{name}.yaml").write_text("learner: gbdt\nround: 10\n")
    outfold(tabular, "download")
    done = outfold(tabular, "check", check=False)
    assert done.returncode == 2
    assert "pipelines/shallow.yaml: gbdt, ready" in done.stdout
    assert "a.yaml:2: unknown key 'round'" in done.stderr
    assert [(done.stdout + done.stderr).count(f"{name}.yaml:2: unknown key") for name in ("a", "b")] == [1, 1]


def test_config_prints_every_default(tabular: Path) -> None:
    said = outfold(tabular, "config").stdout
    assert "on_bad_image: error" in said
    assert "inner_fraction: 0.2" in said
    assert "combiner: mean3" in said


def test_doctor_finds_the_machine_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "competition").mkdir()
    (tmp_path / "competition" / "competition.yaml").write_text("host: kaggle\nslug: titanic\n")
    secret = "0123456789abcdef0123456789abcdef"
    done = outfold(tmp_path, "doctor", KAGGLE_USERNAME="someone", KAGGLE_KEY=secret, HOME=str(tmp_path))
    assert "cores" in done.stdout
    assert "KAGGLE_KEY" in done.stdout
    assert secret not in done.stdout + done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_how_to_go_on(tabular: Path, number: int, code: int) -> None:
    (tabular / "pipelines" / "lightgbm.yaml").write_text("learner: gbdt\nrounds: 100000\nearly_stopping: 0\n")
    outfold(tabular, "download")
    outfold(tabular, "split")
    child = subprocess.Popen(
        [sys.executable, "-m", "outfold", "--root", str(tabular), "train", "lightgbm"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a suite that runs in the background is deaf to Ctrl-C, and so would be its children
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not (tabular / "artifacts" / "lightgbm" / "folds" / "0").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    child.send_signal(number)
    _, said = child.communicate(timeout=60)
    assert child.returncode == code
    assert f"Run `outfold --root {tabular} train lightgbm` to go on." in said
    assert "Traceback" not in said


def test_no_terminal_means_plain_lines(tabular: Path) -> None:
    outfold(tabular, "download")
    outfold(tabular, "split")
    said = outfold(tabular, "train", "lightgbm").stdout
    assert "\x1b[" not in said
    assert "out of fold" in said


def test_a_full_disk_is_told_and_loses_nothing(tabular: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system refuses to make a file durable, as it does when the disk is full."""

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for stage in ("download", "split"):
        outfold(tabular, stage)
    folds = (tabular / "artifacts" / "folds.parquet").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        done = outfold(tabular, "train", "lightgbm", check=False)
    assert done.returncode == 2
    assert "no space left on the disk" in done.stderr
    assert (tabular / "artifacts" / "folds.parquet").read_bytes() == folds
    assert "out of fold" in outfold(tabular, "train", "lightgbm").stdout


def test_a_command_that_an_error_suggests_works_as_it_is_printed(tabular: Path) -> None:
    root = tabular.rename(tabular.with_name("my contest"))
    said = outfold(root, "train", check=False).stderr
    (command,) = re.findall(r"`(outfold [^`]+)`", said)
    words = shlex.split(command)
    assert words[:3] == ["outfold", "--root", str(root)]
    assert outfold(root, *words[3:]).returncode == 0
