"""Contests of real tables, and boosters trained on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import TypeAdapter
from sklearn import datasets

from outfold.config.gbdt import GbdtPipeline
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.folds import Folds, make_folds
from outfold.learners.base import Learner
from outfold.learners.gbdt.learner import GbdtLearner
from outfold.progress import Reporter
from outfold.store.fold_dir import Shelf

QUICK = {"rounds": 60, "early_stopping": 15, "params": {"learning_rate": 0.15}}


def write_contest(root: Path, table: pd.DataFrame, targets: list[str], task: str, more: str = "") -> Contest:
    """A contest folder from a table: three quarters to train on, every fourth row to predict."""
    table = table.copy()
    table.insert(0, "id", np.arange(100, 100 + len(table)))
    test = table.iloc[3::4]
    train = table.drop(test.index)
    names = targets if task != "multiclass" else [str(value) for value in sorted(train[targets[0]].unique())]
    (root / "inputs").mkdir(parents=True)
    (root / "competition").mkdir()
    train.to_csv(root / "inputs" / "train.csv", index=False)
    test.drop(columns=targets).to_csv(root / "inputs" / "test.csv", index=False)
    sample = test[["id"]].assign(**dict.fromkeys(names, 0.5))
    sample.to_csv(root / "inputs" / "sample_submission.csv", index=False)
    text = f"host: folder\nslug: real\ntest: test.csv\nid: id\ntarget: [{', '.join(targets)}]\ntask: {task}\n{more}"
    (root / "competition" / "competition.yaml").write_text(text)
    return load_contest(root)


def configured(**keys: Any) -> GbdtPipeline:
    return TypeAdapter(GbdtPipeline).validate_python({"learner": "gbdt", **keys})


def learner_of(contest: Contest, **keys: Any) -> GbdtLearner:
    return GbdtLearner(contest, configured(**keys), "lightgbm", Reporter())


def split(contest: Contest, n: int = 3) -> Folds:
    kind = "stratified" if contest.task in ("binary", "multiclass") else "kfold"
    folds, _ = make_folds(contest.train.index, kind=kind, n=n, y=contest.y, task=contest.task)
    return folds


def trained(contest: Contest, folds: Folds, name: str = "lightgbm", **keys: Any) -> tuple[Learner, dict[int, Shelf]]:
    learner = learner_of(contest, **keys)
    shelves = {fold: Shelf.open(contest.layout.fold(name, fold), "made of this") for fold in folds.numbers()}
    for fold, shelf in shelves.items():
        learner.fit(fold, folds.train(fold), folds.valid(fold), shelf)
    return learner, shelves


def oof(contest: Contest, folds: Folds, learner: Learner, shelves: dict[int, Shelf]) -> np.ndarray:
    frames = [learner.predict("train", folds.valid(fold), {fold: shelf}) for fold, shelf in shelves.items()]
    return pd.concat(frames).set_index("id").loc[contest.train.index, contest.outputs].to_numpy()


def cancer() -> pd.DataFrame:
    frame = datasets.load_breast_cancer(as_frame=True).frame
    return frame.rename(columns=lambda name: name.replace(" ", "_"))
