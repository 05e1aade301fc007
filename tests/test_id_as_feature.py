"""An id that is also a column with a role is both: the rows' names, and a feature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from contest_folder import write_contest

from outfold.contest_files import load_contest

HOURS = pd.date_range("2015-01-01", periods=120, freq="13h")


@pytest.mark.parametrize("written", ["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M", "%Y%m%d%H"])
@pytest.mark.parametrize("columns", [{"dates": "datetime"}, {"roles": {"datetime": "dates"}}])
def test_a_date_that_is_the_id_is_a_feature_too(tmp_path: Path, written: str, columns: dict[str, Any]) -> None:
    frame = pd.DataFrame({"datetime": HOURS.strftime(written), "y": np.arange(120) % 7 / 2})
    train, test = frame[:80], frame[80:].drop(columns="y")
    root = write_contest(
        tmp_path, train, test, test.assign(y=0.0), id="datetime", target="y", task="regression", columns=columns
    )
    contest = load_contest(root)
    assert contest.roles.dates == ["datetime"]
    assert contest.test.index.astype(str).tolist() == test["datetime"].tolist()
    assert contest.train["datetime"].dt.hour.tolist() == HOURS[:80].hour.tolist()
