"""Copy the folder onto a real table that needs no account: Adult, 48,842 answers of the United States' census of 1994.

    PYTHONPATH=src .venv/bin/python examples/playground/lay_out.py ADULT TO

ADULT is the table as CSV or Parquet, as UCI (https://archive.ics.uci.edu/dataset/2/adult) or any copy of it has it: one
row a person, `income` being `<=50K` or `>50K`. TO becomes this folder as its README says that it is copied, the lines
marked `<-` changed; a third of the rows, drawn at random, is the test set, whose answers are in solution.csv.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd

COMPETITION = """\
host: folder
slug: adult
train: train.csv
test: test.csv
sample_submission: sample_submission.csv
solution: solution.csv
id: id
target: income
metric: auc
columns:
  ignore: [fnlwgt]                        # how many people a row stands for: nothing about this one
features:
  - target_encoding: [native-country, [education, occupation]]
  - interaction: {columns: [capital-gain, hours-per-week], how: ratio}
folds: {kind: stratified, n: 5, seed: 42}
"""


def lay_out(source: Path, root: Path) -> pd.DataFrame:
    """Write the folder.

    Returns:
        the training table.

    Raises:
        SystemExit: the folder is there already.
    """
    if root.exists():
        raise SystemExit(f"{root} is there already")
    here = Path(__file__).resolve().parent
    shutil.copytree(here, root, ignore=shutil.ignore_patterns("inputs", "artifacts", "submissions", "*.py", "*.py[co]"))
    (root / "competition" / "competition.yaml").write_text(COMPETITION, encoding="utf-8")
    table = pd.read_csv(source, skipinitialspace=True) if ".csv" in source.name else pd.read_parquet(source)
    table["income"] = table["income"].str.contains(">50K", regex=False).astype(int)
    table = table.sample(frac=1, random_state=0, ignore_index=True).rename_axis("id").reset_index()
    test, train = table[: len(table) // 3], table[len(table) // 3 :]
    inputs = root / "inputs"
    inputs.mkdir()
    train.to_csv(inputs / "train.csv", index=False)
    test.drop(columns="income").to_csv(inputs / "test.csv", index=False)
    test[["id"]].assign(income=0.5).to_csv(inputs / "sample_submission.csv", index=False)
    usage = np.where(np.arange(len(test)) % 5 == 0, "Public", "Private")
    test[["id", "income"]].assign(Usage=usage).to_csv(root / "solution.csv", index=False)
    return train


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    print(f"{len(lay_out(Path(sys.argv[1]), Path(sys.argv[2]))):,} training rows")
