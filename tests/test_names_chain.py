"""The whole chain on tables that share no names, and what `check` says of it before anything is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from chain import blended
from conftest import outfold
from contest_folder import write_contest
from named_contest import rows

from outfold.runs.context import Context
from outfold.stages.submit import submit

pytestmark = pytest.mark.usefixtures("one_thread")
TREES = "learner: gbdt\nrounds: 8\nearly_stopping: 0\nshap: false\nparams: {min_data_in_leaf: 3}\n"


def test_a_row_per_store_date_and_class_from_tables_without_ids(tmp_path: Path) -> None:
    table = rows(90).drop(columns=["id", "y", "price"])
    table.insert(0, "store", np.arange(90) % 3)
    table.insert(1, "day", [f"2020-01-{1 + row // 3:02d}" for row in range(90)])
    train, test = table[:60], table[60:].drop(columns="status")
    keys = test["store"].astype(str) + "-" + test["day"]
    classes = ["CL", "D", "C"]
    sample = pd.DataFrame({"RowId": [f"{key}_{name}" for key in keys for name in classes], "p": 1 / 3})
    truth = (table["status"][60:].to_numpy()[:, None] == np.array(classes)).astype(int)
    solution = sample.assign(p=truth.ravel())
    root = write_contest(
        tmp_path, train, test, sample, target="status", metric="log_loss", solution="solution.csv", folds={"n": 3}
    )
    solution.sample(frac=1, random_state=0).to_csv(root / "solution.csv", index=False)
    (root / "pipelines").mkdir()
    (root / "pipelines" / "trees.yaml").write_text(TREES)
    checked = outfold(root, "check")
    told = " ".join(f"{checked.stdout} {checked.stderr}".split())
    assert "a row per id and output, which stands in RowId: CL, D, C" in told
    assert "store and day, joined by '-', are the ids of sample_submission.csv (RowId)" in told
    assert "ids (RowId) train: store-day; test: store-day" in told
    blended(root, "trees")
    sent = submit(Context(root), "trees")
    assert sent is not None and sent.private is not None and sent.private < 1.05
    file = pd.read_csv(next((root / "submissions").glob("trees-*.csv")))
    assert file["RowId"].tolist() == sample["RowId"].tolist()
    assert np.allclose(file["p"].to_numpy().reshape(-1, 3).sum(axis=1), 1, atol=1e-5)
