"""Classes and targets that are called what a predictions file calls its own columns: id, fold, member."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from chain import blended
from contest_folder import write_contest

import outfold
from outfold.runs.context import Context
from outfold.stages.submit import submit
from outfold.store.predictions import (
    mean_by_id,
    members_of,
    output_column,
    outputs_of,
    prediction_frame,
    read_predictions,
    write_predictions,
)

pytestmark = pytest.mark.usefixtures("one_thread")
LINEAR = "learner: linear\ninner_folds: 1\n"
THREE = {"fold": {"metric": "log_loss"}, "member": {"metric": "rmse"}, "id": {"metric": "rmse"}}
TREES = "learner: gbdt\nrounds: 8\nearly_stopping: 0\nshap: false\n"


def rides(rows: int = 150) -> pd.DataFrame:
    """Two columns that tell the rider of a bicycle, and numbers with awkward names."""
    random = np.random.default_rng(0)
    table = pd.DataFrame({"row": np.arange(rows), "a": random.normal(size=rows), "b": random.normal(size=rows)})
    table["rider"] = np.array(["casual", "fold", "id", "member"])[np.digitize(table["a"], [-0.7, 0.0, 0.7])]
    table["fold"] = (table["a"] > 0).astype(int)
    table["member"] = table["a"] + table["b"]
    table["id"] = table["a"] - table["b"]
    return table


def contest(root: Path, target: str | list[str], columns: list[str], **keys: Any) -> Path:
    table = rides()
    names = [target] if isinstance(target, str) else target
    table = table[["row", "a", "b", *names]]
    train, test = table[:100], table[100:]
    sample = test[["row"]].assign(**dict.fromkeys(columns, 0.3))
    folds = {"n": 3, "repeats": 2}
    keys = {"target": target, "solution": "solution.csv", "folds": folds, **keys}
    write_contest(root, train, test[["row", "a", "b"]], sample, **keys)
    test[["row", *names]].to_csv(root / "solution.csv", index=False)
    (root / "pipelines").mkdir()
    (root / "pipelines" / "linear.yaml").write_text(LINEAR)
    (root / "pipelines" / "trees.yaml").write_text(TREES)
    return root


@pytest.mark.parametrize(
    ("target", "columns", "keys", "best"),
    [
        ("rider", ["casual", "member", "id", "fold"], {"metric": "log_loss"}, 0.9),
        ("member", ["member"], {"metric": "rmse"}, 0.5),
        pytest.param("id", ["id"], {"metric": "rmse"}, 0.5, marks=pytest.mark.slow),
        (["fold", "member", "id"], ["fold", "member", "id"], {"targets": THREE}, 0.5),
        pytest.param(["id", "member"], ["member", "id"], {"metric": "rmse"}, 0.5, marks=pytest.mark.slow),
    ],
)
def test_the_chain_runs_to_a_scored_submission(
    tmp_path: Path, target: str | list[str], columns: list[str], keys: dict[str, Any], best: float
) -> None:
    root = blended(contest(tmp_path, target, columns, **keys), "linear", "trees")
    sent = submit(Context(root), "linear")
    assert sent is not None and sent.private is not None and sent.private < best
    file = pd.read_csv(next((root / "submissions").glob("linear-*.csv")))
    assert list(file.columns) == ["row", *columns]


def test_the_workspace_shows_such_outputs_beside_the_folds(tmp_path: Path) -> None:
    root = blended(contest(tmp_path, "rider", ["casual", "member", "id", "fold"], metric="log_loss"), "linear", "trees")
    work = outfold.open(root)
    oof = work.oof("linear")
    assert list(oof.columns) == ["fold", "casual", "output:fold", "output:id", "output:member"]
    assert set(oof["fold"]) == {0, 1, 2} and np.allclose(oof.iloc[:, 1:].sum(axis=1), 1, atol=1e-5)
    assert list(work.test().columns) == ["casual", "output:fold", "output:id", "output:member"]
    assert work.class_scores().loc["member", "recall"] > 0.8
    assert set(work.worst(n=5)["truth"]) <= {"casual", "fold", "id", "member"}
    assert work.figures.confusion() is not None


def test_only_names_that_collide_are_written_otherwise(tmp_path: Path) -> None:
    names = ["casual", "member", "output:member", "output:x"]
    frame = prediction_frame(pd.Index([4, 2]), 1, "only", names, np.arange(8.0).reshape(2, 4))
    write_predictions(tmp_path / "oof.parquet", frame)
    columns = ["casual", "output:member", "output:output:member", "output:x"]
    assert pq.read_schema(tmp_path / "oof.parquet").names == ["id", "fold", "member", *columns]
    back = read_predictions(tmp_path / "oof.parquet")
    assert outputs_of(back) == names and members_of(back) == ["only"]
    assert mean_by_id(back).loc[4].tolist() == [0, 1, 2, 3] and list(mean_by_id(back).columns) == names
    assert [output_column(name) for name in ("x", "fold")] == ["x", "output:fold"]
