"""The same in Outfold: the stage `train`, from the files to oof.parquet and the picture of what the trees looked at.

Usage: python trees_outfold.py CASE_JSON TABLE SEED
"""

import json
import sys
import tempfile
from pathlib import Path

import pandas as pd
from measured import Clock
from rossmann import rmspe

from outfold.threads import set_threads

case, path, seed = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
set_threads(case["threads"])
clock = Clock()

COMPETITION = """\
host: folder
slug: benchmark
train: train.parquet
test: test.parquet
id: id
target: Sales
task: regression
folds: {kind: column, column: fold}
"""
PIPELINE = """\
learner: gbdt
rounds: ROUNDS
early_stopping: 0
seed: SEED
params: PARAMS
"""

with tempfile.TemporaryDirectory() as folder:
    root = Path(folder)
    for name in ("competition", "pipelines", "inputs"):
        (root / name).mkdir()
    (root / "competition" / "competition.yaml").write_text(COMPETITION)
    values = {"ROUNDS": case["rounds"], "SEED": seed, "PARAMS": json.dumps(case["params"])}
    for key, value in values.items():
        PIPELINE = PIPELINE.replace(key, str(value))
    (root / "pipelines" / "trees.yaml").write_text(PIPELINE)
    (root / "inputs" / "train.parquet").symlink_to(path.resolve())
    few = pd.read_parquet(path).head(100).assign(id=[f"test-{n}" for n in range(100)])
    few.drop(columns=["Sales", "fold"]).to_parquet(root / "inputs" / "test.parquet")
    few[["id", "Sales"]].to_csv(root / "inputs" / "sample_submission.csv", index=False)
    del few
    from outfold.stages.context import Context
    from outfold.stages.download import download
    from outfold.stages.split import split
    from outfold.stages.train import train

    download(Context(root))
    split(Context(root))
    with clock.measure("train"):
        context = Context(root)
        train(context, "trees")
    frame = pd.read_parquet(root / "artifacts" / "trees" / "oof.parquet").set_index("id")
    truth = context.contest.truth(frame.index)
    clock.finish(rmspe=rmspe(truth, frame["Sales"].to_numpy()), rows=len(frame))
