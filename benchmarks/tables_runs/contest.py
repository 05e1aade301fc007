"""Rossmann's joined table as a contest folder of Outfold's."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

COMPETITION = """\
host: folder
slug: rossmann
train: train.parquet
test: test.parquet
id: id
target: Sales
task: regression
metric: rmspe
folds: {kind: column, column: fold}
"""


def write_contest(root: Path, table: Path, pipeline: str, **values: object) -> None:
    """The folder, with one pipeline, ``model.yaml``, whose capital words take these values."""
    for name in ("competition", "pipelines", "inputs"):
        (root / name).mkdir()
    (root / "competition" / "competition.yaml").write_text(COMPETITION)
    for key, value in values.items():
        pipeline = pipeline.replace(key, str(value))
    (root / "pipelines" / "model.yaml").write_text(pipeline)
    (root / "inputs" / "train.parquet").symlink_to(table.resolve())
    few = pd.read_parquet(table).head(100).assign(id=[f"test-{n}" for n in range(100)])
    few.drop(columns=["Sales", "fold"]).to_parquet(root / "inputs" / "test.parquet")
    few[["id", "Sales"]].to_csv(root / "inputs" / "sample_submission.csv", index=False)
