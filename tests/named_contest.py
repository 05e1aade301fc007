"""Small contests whose three tables call rows and columns differently, and a submission without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from contest_folder import write_contest

from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.hosts.folder import FolderHost
from outfold.progress import Reporter
from outfold.runs.output_form import form_arguments, scoring_of, submission_of
from outfold.submission import check, csv_bytes


def rows(n: int = 40, seed: int = 0) -> pd.DataFrame:
    """An id, two features, a number, a yes or no, and one of three classes."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame({"id": np.arange(1, n + 1), "a": random.normal(size=n).round(4), "b": random.permutation(n)})
    table["price"] = (table["a"] + table["b"] / 10).round(3)
    table["y"] = (table["a"] > 0).astype(int)
    table["status"] = np.array(["C", "CL", "D"])[np.digitize(table["a"], [-0.4, 0.4])]
    return table


def contest(root: Path, train: pd.DataFrame, test: pd.DataFrame | None, sample: pd.DataFrame, **keys: Any) -> Contest:
    """The contest folder, read."""
    return load_contest(write_contest(root, train, test, sample, **keys))


def sent(contest: Contest) -> pd.DataFrame:
    """The file of a submission of made-up outputs, built and checked, as a host reads it: every cell as text."""
    random = np.random.default_rng(1)
    outputs = random.uniform(0.1, 0.9, size=(len(contest.test), len(contest.outputs)))
    for one in contest.subtasks:
        if one.task == "multiclass":
            outputs[:, one.outputs] /= outputs[:, one.outputs].sum(axis=1, keepdims=True)
    if contest.task == "multiclass":
        outputs /= outputs.sum(axis=1, keepdims=True)
    # in another order than the sample's: rows are found by id
    frame = pd.DataFrame(outputs, index=contest.test.index, columns=contest.outputs).iloc[::-1]
    file = submission_of(contest, frame, None)
    check(file, contest.sample, **form_arguments(contest))
    path = contest.layout.submissions / "made-up.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(csv_bytes(file))
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def score(contest: Contest) -> float:
    """What the local leaderboard says of :func:`sent`."""
    sent(contest)
    host = FolderHost(contest.config, contest.root, contest.layout.inputs, scoring_of(contest))
    scored = host.submit(contest.layout.submissions / "made-up.csv", "", Reporter(), wait_s=0)
    assert scored.private is not None
    return scored.private
