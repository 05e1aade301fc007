"""Contest folders for tests, written from real data that a dependency ships."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML


def write_contest(
    root: Path,
    train: pd.DataFrame | str | None = None,
    test: pd.DataFrame | str | None = None,
    sample: pd.DataFrame | str | None = None,
    /,
    *,
    hooks: str | None = None,
    **keys: Any,
) -> Path:
    """A contest folder of the three tables (text is written as it stands) and the keys of its contest file."""
    inputs = root / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    (root / "competition").mkdir(exist_ok=True)
    for name, table in (("train", train), ("test", test), ("sample_submission", sample)):
        if isinstance(table, pd.DataFrame):
            table.to_csv(inputs / f"{name}.csv", index=False)
        elif table is not None:
            (inputs / f"{name}.csv").write_text(table, encoding="utf-8")
    config = {"host": "folder", "slug": "contest", **({"test": "test.csv"} if test is not None else {}), **keys}
    with (root / "competition" / "competition.yaml").open("w") as file:
        YAML().dump(config, file)
    if hooks is not None:
        (root / "competition" / "hooks.py").write_text(hooks)
    return root


IRISES = """\
host: folder
slug: irises
train: train.csv
test: test.csv
sample_submission: sample_submission.csv
id: flower
target: species
metric: log_loss
folds: {n: 3, seed: 1}
"""
"""The contest file of :func:`iris_tables`."""


def iris_tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Iris with its species by name: 100 training rows, 50 test rows, one probability a species."""
    from sklearn.datasets import load_iris

    data = load_iris(as_frame=True)
    frame = data.frame.drop(columns="target").assign(species=data.target_names[data.target])
    frame.insert(0, "flower", np.arange(1, 151))
    frame = frame.sample(frac=1, random_state=0)
    train, test = frame.iloc[:100], frame.iloc[100:].drop(columns="species")
    sample = test[["flower"]].assign(**dict.fromkeys(data.target_names, 1 / 3))
    return train, test, sample


def cancer_tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Breast cancer, malignant (M) or benign (B), ids with leading zeros: 400 training rows, 169 test rows."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer(as_frame=True)
    frame = data.data.iloc[:, :5].assign(diagnosis=np.where(data.target == 0, "M", "B"))
    frame.insert(0, "patient", [f"{number:05d}" for number in range(len(frame))])
    train, test = frame.iloc[:400], frame.iloc[400:].drop(columns="diagnosis")
    return train, test, test[["patient"]].assign(diagnosis=0.5)
