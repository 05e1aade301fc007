"""Files of ``artifacts/``, damaged one at a time: the same submission, or an error with the command that heals it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import outfold, write_contest, write_images, write_tables

READ = {
    *("done.json", "key.json", "fitted.json", "model.txt", "models.joblib", "0.parquet", "coefficients.safetensors"),
    *("model.json", "encoding.json", "final.safetensors"),
}
"""Files of a fold that predictions read."""
STAGES = (("download",), ("split",), ("train",), ("predict",), ("ensemble",), ("submit", "--dry-run"))
TABLES = """\
host: folder
slug: tables
train: train.csv
test: test.csv
sample_submission: sample_submission.csv
id: case
target: target
metric: accuracy
folds: {n: 2, seed: 7}
"""
MODELS = {
    "lightgbm": "learner: gbdt\nrounds: 5\nrefit: false\nfeatures: [{count: [size]}]\n",
    "xgboost": "learner: gbdt\nlibrary: xgboost\nrounds: 5\nrefit: false\n",
    "catboost": "learner: gbdt\nlibrary: catboost\nrounds: 5\nrefit: false\n",
    "sklearn": "learner: sklearn\nestimator: sklearn.tree.DecisionTreeClassifier\n",
    "linear": "learner: linear\n",
    "tabular": "learner: tabular\ndevice: cpu\nlayers: [8]\nphases: [{epochs: 1, lr: 1e-2}]\n",
}
IMAGES = """\
host: folder
slug: images
train: train.csv
sample_submission: sample_submission.csv
id: id
target: label
metric: log_loss
columns:
  image: {train: "train/{id}.png", test: "test/{id}.png"}
folds: {n: 2, seed: 1}
"""
NETWORK = """\
learner: image
model: test_resnet
weights: none
device: cpu
size: 16
batch_size: 16
phases: [{epochs: 1, lr: 1e-2}]
"""


def run(root: Path) -> None:
    for stage in STAGES:
        outfold(root, *stage)


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from sklearn.datasets import load_breast_cancer

    frame = load_breast_cancer(as_frame=True).frame.iloc[:200, [0, 1, 2, 3, 20, 21, -1]].copy()
    frame["size"] = np.where(frame["mean radius"] > 14, "large", "small")
    root = tmp_path_factory.mktemp("tables")
    write_tables(root, frame, "target")
    run(write_contest(root, TABLES, **MODELS))
    return root


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("images")
    write_images(root, rows=40)
    run(write_contest(root, IMAGES, cnn=NETWORK, trees="learner: gbdt\nrounds: 3\nrefit: false\n"))
    return root


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0x08
    path.write_bytes(data)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "cut": cut,
    "emptied": lambda path: path.write_bytes(b""),
    "flipped": flip,
    "folder": folder,
    "null": lambda path: path.write_bytes(b"null\n"),
}


def files(root: Path, *patterns: str) -> list[str]:
    found = {path for pattern in patterns for path in (root / "artifacts").glob(pattern) if path.is_file()}
    skipped = {".png", ".csv", ".lock", ".html"}  # pictures and tables for people, which no stage reads
    return sorted(str(path.relative_to(root)) for path in found if path.suffix not in skipped and path.name != ".lock")


def submissions(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (root / "submissions").glob("*.csv")}


def heal(error: str) -> None:
    """Run the commands in the remedy of an error."""
    remedy = error.rpartition("error: ")[2].partition("\n")[2]
    found = [shlex.split(text) for text in re.findall(r"`([^`]+)`", remedy)]
    assert found, error
    for words in found:
        if words[0] == "outfold":
            assert words[1] == "--root", words
            outfold(Path(words[2]), *words[3:])
        else:
            subprocess.run(words, check=True)


def every_stage_is_right_or_refuses(root: Path, name: str, damage: str, stages: tuple[tuple[str, ...], ...]) -> None:
    """Each stage ends well, or exits with 2 and names file and commands that heal it; the bytes are the same then."""
    before = submissions(root)
    DAMAGE[damage](root / name)
    for stage in stages:
        for _ in range(4):
            done = outfold(root, *stage, check=False)
            if done.returncode == 0:
                break
            label = f"{name} {damage}: {stage[0]}: {done.stdout}{done.stderr}"
            assert done.returncode == 2, label
            gone = damage == "deleted" and "is not trained" in done.stderr  # a manifest is what says that it is
            # a record of hashes that was changed shows in the files beside it
            beside = Path(name).name == "files.json" and str((root / name).parent) in done.stderr
            assert gone or beside or Path(name).name in done.stderr, label
            heal(done.stderr)
        assert done.returncode == 0, f"{name} {damage}: {stage[0]}: {done.stdout}{done.stderr}"
    assert submissions(root) == before, f"{name} {damage}"


@pytest.mark.parametrize(
    "damage", ["flipped", *(pytest.param(one, marks=pytest.mark.slow) for one in ("cut", "folder"))]
)
def test_a_damaged_file_of_each_pipelines_models(tables: Path, tmp_path: Path, damage: str) -> None:
    """One file of the models of each pipeline; each is named, and trained again, before the test set is predicted."""
    root, before = tmp_path / "contest", submissions(tables)
    shutil.copytree(tables, root)
    shutil.rmtree(root / "artifacts" / "blend")
    for number, pipeline in enumerate(MODELS):
        (root / "artifacts" / pipeline / "test.parquet").unlink()
        names = [name for name in files(root, f"{pipeline}/folds/0/**/*") if Path(name).name in READ]
        name = names[(number + list(DAMAGE).index(damage)) % len(names)]
        DAMAGE[damage](root / name)
        done = outfold(root, "predict", pipeline, check=False)
        assert done.returncode == 2 and str(root / name) in done.stderr, f"{name}: {done.stdout}{done.stderr}"
        heal(done.stderr)
        outfold(root, "predict", pipeline)
    for stage in STAGES[4:]:
        outfold(root, *stage)
    assert submissions(root) == before


def failures_of_every_file(contest: Path, folder: Path, damage: str) -> list[str]:
    """Damage each file in a copy of the contest: one message per file that goes wrong.

    Only ``inputs/`` is shared with the copies, by hard links: no stage writes there. After a file of a fold only its
    pipeline predicts, from the models; ``test_a_damaged_file_of_each_pipelines_models`` predicts with all of them.
    """
    failures = []
    for number, name in enumerate(files(contest, "*", "*/*", "*/folds/**/*", "cache/**/*")):
        root = folder / str(number)
        shutil.copytree(contest, root, ignore=lambda path, _: ["inputs"] if Path(path) == contest else [])
        shutil.copytree(contest / "inputs", root / "inputs", copy_function=os.link)
        stages = STAGES[3:]
        if "/folds/" in name:
            pipeline = Path(name).parts[1]
            (root / "artifacts" / pipeline / "test.parquet").unlink(missing_ok=True)
            stages = (("predict", pipeline), *STAGES[4:])
        try:
            every_stage_is_right_or_refuses(root, name, damage, stages)
        except Exception as error:  # the walk goes on, and all failures are reported at its end
            failures.append(f"{name} {damage}: {type(error).__name__}: {error}")
        shutil.rmtree(root)
    return failures


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("damage", DAMAGE)
def test_every_file_of_tables(tables: Path, tmp_path: Path, damage: str) -> None:
    failures = failures_of_every_file(tables, tmp_path, damage)
    assert not failures, "\n\n".join(failures)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("damage", DAMAGE)
def test_every_file_of_images(images: Path, tmp_path: Path, damage: str) -> None:
    failures = failures_of_every_file(images, tmp_path, damage)
    assert not failures, "\n\n".join(failures)
