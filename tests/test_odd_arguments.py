"""Arguments that no stage can use: refused in words, before anything is done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import outfold

NO_UTF8 = os.fsdecode(b"caf\xe9 \xff")


@pytest.fixture
def sendable(tabular: Path) -> Path:
    for stage in ("split", "train", "predict"):
        outfold(tabular, stage, *(["lightgbm"] if stage != "split" else []))
    return tabular


def test_a_message_of_bytes_that_are_no_utf8_sends_nothing(sendable: Path) -> None:
    done = outfold(sendable, "submit", "lightgbm", "--message", NO_UTF8, check=False)
    assert done.returncode == 2, done.stderr
    assert r"--message 'caf\udce9 \udcff'" in done.stderr and "Nothing was sent" in done.stderr
    assert not (sendable / "submissions" / "ledger.csv").exists()
    outfold(sendable, "submit", "lightgbm", "--message", "café ✓")
    assert "café ✓" in (sendable / "submissions" / "ledger.csv").read_text()


@pytest.mark.parametrize("seconds", ["nan", "-1"])
def test_a_time_that_is_none(tabular: Path, seconds: str) -> None:
    done = outfold(tabular, "submit", "lightgbm", "--wait", seconds, check=False)
    assert done.returncode == 2 and "--wait" in done.stderr
    done = outfold(tabular, "tune", "lightgbm", "--timeout", seconds, check=False)
    assert done.returncode == 2 and "--timeout" in done.stderr


def test_a_root_whose_name_is_no_utf8_is_named(tabular: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("odd") / NO_UTF8
    tabular.rename(root)
    done = outfold(root, "check", check=False)
    assert done.returncode == 2 and r"caf\udce9" in done.stderr and "Rename the folder" in done.stderr


def test_more_processes_than_the_machine_has_cores_or_gpus_are_not_started(
    tabular: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outfold.runs.parallel.ddp_launcher._launch", None)
    done = outfold(tabular, "train", "--processes", "9999", check=False)
    assert done.returncode == 2 and "--processes 9999: this machine has" in done.stderr


def test_an_empty_name_for_the_tuned_pipeline(tabular: Path) -> None:
    done = outfold(tabular, "tune", "lightgbm", "--output", "", check=False)
    assert done.returncode == 2 and "--output" in done.stderr
