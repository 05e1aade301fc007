"""Contests of digits that ask for grades, or for several things at once, each with what the host knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from image_contest import digits_contest
from sklearn.datasets import load_digits

GRADES = ("low", "medium", "high")

IMAGES = """\
host: folder
slug: digits
solution: solution.csv
train: train.csv
test: test.csv
id: id
columns: {image: {train: "train/{id}.png", test: "test/{id}.png"}}
folds: {n: 2}
"""
CNN = """\
learner: image
model: resnet10t
timm_args: {channels: [8, 8, 16, 16], stem_width: 8}
weights: none
size: 24
channels: 1
augment: none
batch_size: 16
workers: 0
phases: [{epochs: 4, lr: 6e-3}]
tta: 0
"""
GBDT = "learner: gbdt\nrounds: 15\nearly_stopping: 5\nclass_weight: balanced\n"


def write(
    root: Path, targets: pd.DataFrame, sample: dict[str, object], asked: str, train: int, **pipelines: str
) -> Path:
    """A contest of the first digits that asks for ``targets``, with a solution file.

    Args:
        targets: of all rows, in the order of the digits.
        sample: the columns of the sample submission beside its ids.
        asked: the keys of the contest file that name the targets.
    """
    digits_contest(root, train=train, test=len(targets) - train)
    inputs = root / "inputs"
    table = pd.concat([pd.read_csv(inputs / name, usecols=["id"]) for name in ("train.csv", "test.csv")])
    table = pd.concat([table.reset_index(drop=True), targets], axis=1)
    table[:train].to_csv(inputs / "train.csv", index=False)
    table.loc[train:, ["id"]].assign(**sample).to_csv(inputs / "sample_submission.csv", index=False)
    table[train:].to_csv(root / "solution.csv", index=False)
    (root / "competition" / "competition.yaml").write_text(IMAGES + asked)
    for name, text in pipelines.items():
        (root / "pipelines" / f"{name}.yaml").write_text(text)
    return root


def grades(rows: int) -> np.ndarray:
    """Whether each digit is low (0 to 3), medium or high (8 and 9)."""
    return np.array(GRADES)[load_digits().target[:rows] // 4]


def graded_contest(root: Path, *, train: int = 120, test: int = 30, **pipelines: str) -> Path:
    """A contest of grades in words, one a row, scored by the quadratic weighted kappa."""
    targets = pd.DataFrame({"grade": grades(train + test)})
    asked = f"target: grade\norder: [{', '.join(GRADES)}]\n"
    return write(root, targets, {"grade": "low"}, asked, train, **pipelines)


def several_contest(root: Path, *, train: int = 120, test: int = 30, **pipelines: str) -> Path:
    """A contest that asks for a size in words, the amount of ink, and a grade."""
    digits = load_digits()
    rows = train + test
    targets = pd.DataFrame(
        {
            "size": np.where(digits.target[:rows] > 4, "big", "small"),
            "ink": digits.images[:rows].mean(axis=(1, 2)).round(4) * 100 + 1000,
            "grade": grades(rows),
        }
    )
    asked = (
        "targets:\n  size: {metric: accuracy}\n  ink: {metric: r2, weight: 0.5}\n"
        f"  grade: {{order: [{', '.join(GRADES)}], weight: 2}}\n"
    )
    return write(root, targets, {"size": "big", "ink": 0.0, "grade": "low"}, asked, train, **pipelines)
