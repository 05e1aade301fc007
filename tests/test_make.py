"""Make tells the truth: what is stale is remade, and nothing else."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import IMAGES, REPO, outfold, write_contest, write_images

GOALS = ("download", "train", "predict", "submit")

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None or not (Path(sys.prefix) / "bin" / "outfold").exists(),
    reason="needs make, and an environment made by `make setup`",
)


def make(root: Path, *arguments: str) -> str:
    """Run make on a contest folder, in the environment that runs the tests; what it prints."""
    done = tried(root, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tried(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The same, whatever comes of it."""
    ready = Path(sys.prefix) / ".ready"
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VENV", "ROOT")}
    return subprocess.run(
        ["make", "-C", str(REPO), "ROOT=" + str(root), f"VENV={sys.prefix}", "-o", str(ready), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=240,
    )


def planned(root: Path, *goals: str) -> list[str]:
    """The stages that make would run."""
    lines = make(root, "-n", *goals).splitlines()
    return [shlex.join(shlex.split(line)[4:]) for line in lines if "--root" in line]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contest of images whose chain has run, in a folder with blanks, quotes and letters of other alphabets."""
    root = tmp_path_factory.mktemp("finished") / "my contest" / "ü's $(touch owned); 1"
    write_images(root, rows=30)
    few = "learner: gbdt\nrounds: 5\nearly_stopping: 0\nshap: false\n"
    blend = "learner: blend\ncombiner: mean\n"
    write_contest(root, IMAGES, one=few, two=few + "seed: 1\n", blend=blend)
    assert sorted(planned(root, *GOALS)) == sorted(EVERYTHING)
    assert not (root / "artifacts").exists(), "make -n must change nothing"
    said = make(root, "-j2", *GOALS)
    for name in ("one", "two"):
        assert said.count(f"predict {name}:") == 1, "two jobs run nothing twice"
    assert said.count("private leaderboard") == 1
    assert planned(root, *GOALS) == []
    return root


@pytest.fixture
def chain(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / finished.name)


AFTER_ONE = ["train one", "predict one", "ensemble", "submit"]
EVERYTHING = ["download", "split", "predict one", "predict two", "train one", "train two", "ensemble", "submit"]


def touch(path: Path) -> None:
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


def replace_by_older(path: Path) -> None:
    path.write_text(path.read_text() + "seed: 9\n")
    os.utime(path, (0, 0))


def test_what_is_done_is_not_done_again_and_an_edit_remakes_what_depends_on_it(chain: Path) -> None:
    began = time.monotonic()
    said = make(chain, *GOALS)
    assert time.monotonic() - began < 10
    for goal in GOALS:
        assert f"Nothing to be done for '{goal}'" in said
    oof = chain / "artifacts" / "two" / "oof.parquet"
    before = oof.stat().st_mtime_ns
    one = chain / "pipelines" / "one.yaml"
    one.write_text(one.read_text() + "params: {max_depth: 3}\n")
    assert planned(chain, *GOALS) == AFTER_ONE
    make(chain, *GOALS)
    assert oof.stat().st_mtime_ns == before
    assert planned(chain, *GOALS) == []


def test_adding_a_file_adds_a_model(chain: Path) -> None:
    (chain / "pipelines" / "three.yaml").write_text("learner: gbdt\n")
    assert planned(chain, *GOALS) == ["train three", "predict three", "ensemble", "submit"]


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        (lambda root: (root / "pipelines" / "one.yaml").unlink(), ["ensemble", "submit"]),
        (lambda root: (root / "pipelines" / "blend.yaml").unlink(), ["ensemble", "submit"]),
        (lambda root: touch(root / "pipelines" / "blend.yaml"), ["ensemble", "submit"]),
        (lambda root: replace_by_older(root / "pipelines" / "one.yaml"), AFTER_ONE),
        (lambda root: touch(next((root / "inputs" / "train").iterdir())), EVERYTHING),
        (lambda root: next((root / "inputs" / "test").iterdir()).unlink(), EVERYTHING),
        (lambda root: (root / "inputs" / "train" / "new.png").write_bytes(b"new"), EVERYTHING),
        (lambda root: (root / "inputs" / "deep" / "er").mkdir(parents=True), []),
        (lambda root: (root / "competition" / "hooks.py").write_text(""), EVERYTHING),
        (lambda root: (root / "artifacts" / "one" / "oof.parquet").unlink(), AFTER_ONE),
        (lambda root: (root / "artifacts" / "one" / "manifest.json").unlink(), AFTER_ONE),
        (lambda root: touch(root / "artifacts" / "one" / "test.parquet"), AFTER_ONE[1:]),
        (lambda root: shutil.rmtree(root / "artifacts" / "blend"), ["ensemble", "submit"]),
        (lambda root: (root / "submissions" / "ledger.csv").unlink(), ["submit"]),
        (lambda root: shutil.rmtree(root / "artifacts" / ".stages"), EVERYTHING),
        (lambda root: (root / "artifacts" / ".stages" / "train.one.json").write_text('{"files": 1}'), AFTER_ONE),
        (lambda root: (root / "artifacts" / "folds.parquet").unlink(), EVERYTHING[1:]),
        (lambda root: (root / ".stray").touch(), []),
    ],
)
def test_every_change_of_a_file_is_seen_however_old_its_time_stamp(
    chain: Path, change: Callable[[Path], object], stale: list[str]
) -> None:
    change(chain)
    assert sorted(planned(chain, *GOALS)) == sorted(stale)


def test_a_removed_pipeline_leaves_the_blend_and_other_time_stamps_alone_change_no_result(chain: Path) -> None:
    for path in [*(chain / "inputs").rglob("*.*"), *(chain / "pipelines").iterdir()]:
        touch(path)
    results = [chain / "artifacts" / name / "oof.parquet" for name in ("one", "two", "blend")]
    before = [path.stat().st_mtime_ns for path in results]
    said = make(chain, *GOALS)
    assert said.count("up to date") == len(EVERYTHING)
    assert [path.stat().st_mtime_ns for path in results] == before
    assert planned(chain, *GOALS) == []
    (chain / "pipelines" / "two.yaml").unlink()
    assert "two" not in make(chain, "submit")
    assert planned(chain, *GOALS) == []


def test_a_file_with_an_odd_name_is_told_and_nothing_is_run(chain: Path) -> None:
    for name in ("$(touch owned)", "a b", "-n", "a;touch owned", "`touch owned`", "a:b", "a%", "$(shell touch owned)"):
        path = chain / "pipelines" / f"{name}.yaml"
        path.write_text("learner: gbdt\n")
        for arguments in (["train"], ["-n", "submit"]):
            done = tried(chain, *arguments)
            assert done.returncode == 2
            assert f"{name}.yaml" in done.stderr and "cannot be a pipeline's name" in done.stderr
            assert "train" not in done.stdout
        path.unlink()
    assert not any((folder / "owned").exists() for folder in (REPO, chain, Path.cwd()))


def test_a_pipeline_that_is_not_there_is_named(chain: Path) -> None:
    done = tried(chain, "PIPELINES=one three", "train")
    assert done.returncode == 2 and "no such pipeline: three; there are: one two" in done.stderr


def test_a_quick_look_at_one_fold_is_not_taken_for_the_whole(chain: Path) -> None:
    outfold(chain, "train", "one", "--fold", "0")
    assert planned(chain, *GOALS) == AFTER_ONE


def test_the_plan_needs_nothing_but_python(chain: Path) -> None:
    words = [sys.executable, "-I", "-S", str(REPO / "tools" / "plan.py"), str(chain)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["all:one", "all:two"]


def test_a_stopped_submission_leaves_the_ledger_to_make(chain: Path) -> None:
    """Ctrl-C right after a row was written: make removes targets that a stopped recipe has changed."""
    (chain / "pipelines" / "blend.yaml").write_text("learner: blend\ncombiner: ges\n")
    (chain / "competition" / "hooks.py").write_text(
        "import atexit, os, signal, sys\n"
        "if 'submit' in sys.argv:\n    atexit.register(lambda: os.killpg(0, signal.SIGINT))\n"
    )
    ledger = chain / "submissions" / "ledger.csv"
    rows = len(ledger.read_text().splitlines())
    words = ["make", "-C", str(REPO), f"ROOT={chain}", f"VENV={sys.prefix}", "-o", f"{sys.prefix}/.ready", "submit"]
    done = subprocess.run(words, capture_output=True, text=True, start_new_session=True, timeout=240)
    assert done.returncode != 0
    assert len(ledger.read_text().splitlines()) == rows + 1


def test_make_alone_lists_the_targets_with_a_line_each() -> None:
    said = make(REPO)
    stages = ["download", "split", "train", "predict", "ensemble", "submit"]
    for target in [*stages, "setup", "test", "lint", "check", "report", "clean", "help"]:
        assert f"make {target} " in said
    assert max(map(len, said.splitlines())) < 80
