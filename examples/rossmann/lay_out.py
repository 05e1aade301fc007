"""Make a contest folder of its own from a copy of the data that is merged already (train_clean.parquet).

    PYTHONPATH=src .venv/bin/python examples/rossmann/lay_out.py FROM TO

FROM holds train_clean.parquet, test.csv and store.csv. TO becomes this example with Kaggle's own four files in inputs/,
and `host: folder` in place of Kaggle.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pandas as pd

COLUMNS = ["Store", "DayOfWeek", "Date", "Sales", "Customers", "Open", "Promo", "StateHoliday", "SchoolHoliday"]


def lay_out(source: Path, root: Path) -> pd.DataFrame:
    """Write the folder.

    Returns:
        the training table, in the order of Kaggle's: the latest day first.

    Raises:
        SystemExit: the folder is there already.
    """
    if root.exists():
        raise SystemExit(f"{root} is there already")
    here = Path(__file__).resolve().parent
    shutil.copytree(here, root, ignore=shutil.ignore_patterns("inputs", "artifacts", "submissions", "*.py[co]"))
    contest = root / "competition" / "competition.yaml"
    contest.write_text(contest.read_text(encoding="utf-8").replace("host: kaggle", "host: folder"), encoding="utf-8")
    inputs = root / "inputs"
    inputs.mkdir()
    train = pd.read_parquet(source / "train_clean.parquet", columns=COLUMNS)
    train = train.astype({"Sales": "int64", "Customers": "int64"})
    train = train.sort_values(["Date", "Store"], ascending=[False, True], ignore_index=True)
    train.to_csv(inputs / "train.csv", index=False, date_format="%Y-%m-%d")
    for name in ("test.csv", "store.csv"):
        shutil.copy(source / name, inputs / name)
    sample = pd.read_csv(inputs / "test.csv", usecols=["Id"]).sort_values("Id")
    sample.assign(Sales=0).to_csv(inputs / "sample_submission.csv", index=False)
    return train


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    print(f"{len(lay_out(Path(sys.argv[1]), Path(sys.argv[2]))):,} training rows")
