"""Make tells the truth: what is stale is remade, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import REPO

GOALS = ("download", "train", "predict", "submit")

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None or not (Path(sys.prefix) / "bin" / "outfold").exists(),
    reason="needs make, and an environment made by `make setup`",
)


def make(root: Path, *arguments: str) -> str:
    """Run make on a contest folder, in the environment that runs the tests."""
    ready = Path(sys.prefix) / ".ready"
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VENV", "ROOT")}
    done = subprocess.run(
        ["make", "-C", str(REPO), f"ROOT={root}", f"VENV={sys.prefix}", "-o", str(ready), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def planned(root: Path, *goals: str) -> list[str]:
    """The stages that make would run."""
    lines = make(root, "-n", *goals).splitlines()
    return [line.split(f'--root "{root}" ')[1].strip() for line in lines if "--root" in line]


def test_the_chain_runs_once_and_each_change_remakes_what_depends_on_it(tabular: Path) -> None:
    everything = [
        "download",
        "split",
        "train lightgbm",
        "predict lightgbm",
        "train shallow",
        "predict shallow",
        "ensemble",
    ]
    assert sorted(planned(tabular, *GOALS)) == sorted([*everything, "submit"])
    assert not (tabular / "artifacts").exists(), "make -n must change nothing"

    said = make(tabular, *GOALS)
    assert "private leaderboard" in said

    began = time.monotonic()
    said = make(tabular, *GOALS)
    assert time.monotonic() - began < 10
    for goal in GOALS:
        assert f"Nothing to be done for '{goal}'" in said

    shallow = tabular / "pipelines" / "shallow.yaml"
    shallow.touch()
    said = make(tabular, *GOALS)
    assert "train shallow: up to date" in said
    assert "submit: up to date" in said
    assert "lightgbm" not in said
    assert planned(tabular, *GOALS) == []

    oof = tabular / "artifacts" / "lightgbm" / "oof.parquet"
    before = oof.stat().st_mtime_ns
    shallow.write_text(shallow.read_text().replace("max_depth: 2", "max_depth: 3"))
    assert planned(tabular, *GOALS) == ["train shallow", "predict shallow", "ensemble", "submit"]
    make(tabular, *GOALS)
    assert oof.stat().st_mtime_ns == before

    (tabular / "competition" / "hooks.py").write_text("def postprocess(submission):\n    return submission\n")
    stale = planned(tabular, *GOALS)
    assert {"split", "train lightgbm", "train shallow", "ensemble", "submit"} <= set(stale)


def test_adding_a_file_adds_a_model_and_two_jobs_run_nothing_twice(tabular: Path) -> None:
    (tabular / "pipelines" / "third.yaml").write_text("learner: gbdt\nrounds: 10\nearly_stopping: 0\n")
    said = make(tabular, "-j2", *GOALS)
    for name in ("lightgbm", "shallow", "third"):
        assert said.count(f"{name}: ") >= 1
        assert said.count(f"predict {name}:") == 1
        assert (tabular / "artifacts" / name / "test.parquet").exists()
    assert said.count("private leaderboard") == 1
    assert planned(tabular, *GOALS) == []


def test_make_alone_lists_the_targets_with_a_line_each() -> None:
    said = make(REPO)
    stages = ["download", "split", "train", "predict", "ensemble", "submit"]
    for target in [*stages, "setup", "test", "lint", "check", "report", "clean", "help"]:
        assert f"make {target} " in said
