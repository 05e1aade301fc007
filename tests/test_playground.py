"""examples/playground, copied onto a table as its README says that it is copied."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import REPO

from outfold.contest_files import load_contest
from outfold.runs.context import Context
from outfold.stages.check import check
from outfold.stages.download import download

EXAMPLE = REPO / "examples" / "playground"
lay_out: Callable[[Path, Path], pd.DataFrame] = runpy.run_path(str(EXAMPLE / "lay_out.py"))["lay_out"]


@pytest.fixture
def census(tmp_path: Path) -> Path:
    """Answers as UCI's files have them: blanks after the commas, `?` for no answer."""
    rng = np.random.default_rng(0)
    rows = 120
    table = pd.DataFrame(
        {
            "age": rng.integers(17, 90, rows),
            "workclass": rng.choice(["Private", "?", "State-gov"], rows),
            "fnlwgt": rng.integers(10_000, 1_000_000, rows),
            "education": rng.choice(["HS-grad", "Bachelors"], rows),
            "occupation": rng.choice(["Sales", "?", "Farming-fishing"], rows),
            "capital-gain": rng.choice([0, 0, 0, 7298], rows),
            "hours-per-week": rng.integers(10, 80, rows),
            "native-country": rng.choice(["United-States", "Mexico"], rows),
            "income": rng.choice(["<=50K", "<=50K", ">50K"], rows),
        }
    )
    path = tmp_path / "adult.csv"
    path.write_text(table.to_csv(index=False).replace(",", ", "))
    return path


def test_the_folder_is_copied_onto_another_table(census: Path, tmp_path: Path) -> None:
    root = tmp_path / "january"
    lay_out(census, root)
    assert not list(root.glob("*.py"))
    contest = load_contest(root)
    assert len(contest.train) == 80 and len(contest.test) == 40 and contest.task == "binary"
    assert "fnlwgt" not in contest.roles.continuous
    solution = pd.read_csv(root / "solution.csv")
    truth = pd.read_csv(census, skipinitialspace=True)["income"].eq(">50K").sum()
    assert contest.y.sum() + solution["income"].sum() == truth
    assert set(solution["Usage"]) == {"Public", "Private"} and solution["id"].tolist() == list(contest.test.index)
    download(Context(root))
    check(Context(root))
    with pytest.raises(SystemExit, match="is there already"):
        lay_out(census, root)
