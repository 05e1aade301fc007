"""Two submissions at the same time, and one that is stopped: every file is sent once and recorded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from conftest import REPO, outfold

from outfold.store import ledger

GOALS = ("download", "split", "train", "predict", "ensemble")


def started(root: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "outfold", "--root", str(root), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPO / "src")},
    )


def test_the_same_file_is_sent_once_and_other_files_are_all_recorded(tabular: Path) -> None:
    for stage in GOALS:
        outfold(tabular, stage)
    running = [started(tabular, "submit", *names) for names in ([], [], ["lightgbm"], ["shallow"])]
    said = [child.communicate(timeout=120)[0] for child in running]
    assert [child.returncode for child in running] == [0] * 4, said
    sent = ledger.read(tabular / "submissions" / "ledger.csv")
    assert len(sent) == 3 and sent["sha256"].is_unique
    assert sum("up to date" in text for text in said[:2]) == 1
