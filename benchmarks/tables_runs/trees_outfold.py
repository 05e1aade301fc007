"""The same in Outfold: the stage `train`, from the files to oof.parquet and the picture of what the trees looked at.

Usage: python trees_outfold.py CASE_JSON TABLE SEED
"""

import json
import sys
import tempfile
from pathlib import Path

import pandas as pd
from contest import write_contest
from measured import Clock
from rossmann import rmspe

from outfold.threads import set_threads

case, path, seed = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
set_threads(case["threads"])

# imports are not measured, in none of the runners
import lightgbm  # noqa: E402, F401

from outfold.learners.gbdt.learner import GbdtLearner  # noqa: E402, F401
from outfold.runs.context import Context  # noqa: E402
from outfold.stages.download import download  # noqa: E402
from outfold.stages.split import split  # noqa: E402
from outfold.stages.train import train  # noqa: E402

clock = Clock()

PIPELINE = """\
learner: gbdt
rounds: ROUNDS
early_stopping: 0
seed: SEED
params: PARAMS
"""

with tempfile.TemporaryDirectory() as folder:
    root = Path(folder)
    write_contest(root, path, PIPELINE, ROUNDS=case["rounds"], SEED=seed, PARAMS=json.dumps(case["params"]))
    download(Context(root))
    split(Context(root))
    with clock.measure("train"):
        context = Context(root)
        train(context, "model")
    frame = pd.read_parquet(root / "artifacts" / "model" / "oof.parquet").set_index("id")
    truth = context.contest.truth(frame.index)
    clock.finish(rmspe=rmspe(truth, frame["Sales"].to_numpy()), rows=len(frame))
