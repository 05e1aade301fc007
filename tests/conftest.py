"""Small real contests, written to disk as a user would find them."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

# One thread a process, said before a numeric library is loaded: tests run side by side, small networks are fastest so.
os.environ.update(OUTFOLD_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

REPO = Path(__file__).resolve().parents[1]
# how long an example takes says how busy the machine is, not whether the code is right
settings.register_profile("outfold", deadline=None)
settings.load_profile("outfold")


def outfold(root: Path, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line inside this process, which has loaded the libraries: what it prints, and its exit code."""
    from outfold import cli

    words = ["outfold", "--root", str(root), *arguments]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.dict(os.environ, environment),
        mock.patch.object(sys, "argv", words),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            cli.app(words[1:])
        except SystemExit as end:
            code = int(end.code or 0)
    return _done(subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue()), check)


def outfold_process(root: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does: a process of its own, which takes seconds to load its libraries."""
    words = [sys.executable, "-m", "outfold", "--root", str(root), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(REPO / "src")}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=240)
    return _done(done, check)


def _done(done: subprocess.CompletedProcess[str], check: bool) -> subprocess.CompletedProcess[str]:
    if check and done.returncode:
        raise AssertionError(f"{' '.join(done.args)} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that a test sets are hidden in its own output alone."""
    from outfold import redaction

    monkeypatch.setattr(redaction, "_KNOWN", redaction._Known())


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small networks are fastest on one thread, and other work on the machine does not slow them to a crawl."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def write_contest(root: Path, competition: str, **pipelines: str) -> Path:
    """competition.yaml and one YAML file a pipeline."""
    (root / "competition").mkdir(parents=True, exist_ok=True)
    (root / "pipelines").mkdir(exist_ok=True)
    (root / "competition" / "competition.yaml").write_text(competition)
    for name, text in pipelines.items():
        (root / "pipelines" / f"{name}.yaml").write_text(text)
    return root


def write_tables(root: Path, frame: pd.DataFrame, target: str, *, id_name: str = "case", seed: int = 0) -> None:
    """Split a frame into train.csv, test.csv, sample_submission.csv and the host's solution.csv."""
    inputs = root / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(seed).permutation(len(frame))
    frame = frame.iloc[order].reset_index(drop=True)
    frame.insert(0, id_name, [f"c{i:05d}" for i in order])
    cut = int(len(frame) * 0.7)
    train, test = frame[:cut], frame[cut:]
    train.to_csv(inputs / "train.csv", index=False)
    test.drop(columns=target).to_csv(inputs / "test.csv", index=False)
    test[[id_name]].assign(**{target: 0}).to_csv(inputs / "sample_submission.csv", index=False)
    usage = np.where(np.arange(len(test)) % 3 == 0, "Public", "Private")
    test[[id_name, target]].assign(Usage=usage).to_csv(root / "solution.csv", index=False)


TABULAR = """\
host: folder
slug: my-contest
solution: solution.csv
train: train.csv
test: test.csv
sample_submission: sample_submission.csv
id: case
target: target
task: binary
metric: auc
folds: {kind: stratified, n: 3, seed: 7}
"""


@pytest.fixture
def tabular(tmp_path: Path) -> Path:
    """Breast cancer, with missing cells and a column of categories; LightGBM with few rounds, twice."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer(as_frame=True)
    frame = data.frame.iloc[:, [0, 1, 2, 3, 20, 21, -1]].copy()
    frame["size"] = np.where(frame["mean radius"] > 14, "large", "small")
    frame.loc[frame.index[::17], "mean texture"] = np.nan
    root = tmp_path / "contest"
    write_tables(root, frame, "target")
    few = "learner: gbdt\nrounds: 30\nearly_stopping: 5\n"
    return write_contest(root, TABULAR, lightgbm=few, shallow=few + "params: {max_depth: 2}\n")


def write_images(root: Path, *, classes: Sequence[int] = (0, 1, 2), rows: int = 90, size: int = 16) -> None:
    """Handwritten digits as PNG files, in the layout of the demo contest."""
    import cv2
    from sklearn.datasets import load_digits

    digits = load_digits()
    keep = np.flatnonzero(np.isin(digits.target, classes))[: rows + rows // 3]
    names = [f"d{i:04d}" for i in keep]
    for part, chosen in (("train", slice(0, rows)), ("test", slice(rows, None))):
        (root / "inputs" / part).mkdir(parents=True, exist_ok=True)
        for name, i in zip(names[chosen], keep[chosen], strict=True):
            pixels = np.clip(digits.images[i] * 16, 0, 255).astype(np.uint8)
            big = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(root / "inputs" / part / f"{name}.png"), big)
    labels = pd.DataFrame({"id": names, "label": digits.target[keep]})
    labels[:rows].to_csv(root / "inputs" / "train.csv", index=False)
    sample = labels[rows:][["id"]].assign(**{str(c): 1 / len(classes) for c in classes})
    sample.to_csv(root / "inputs" / "sample_submission.csv", index=False)
    labels[rows:].assign(Usage="Private").to_csv(root / "solution.csv", index=False)


IMAGES = """\
host: folder
slug: my-images
solution: solution.csv
train: train.csv
sample_submission: sample_submission.csv
id: id
target: label
task: multiclass
metric: log_loss
columns:
  image: {train: "train/{id}.png", test: "test/{id}.png"}
folds: {kind: stratified, n: 2, seed: 1}
"""
