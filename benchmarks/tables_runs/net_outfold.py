"""Entity embeddings on Rossmann in Outfold: the YAML below is the user's code; one fold, the last 48 days.

Usage: python net_outfold.py CASE_JSON TABLE SEED
"""

import json
import sys
import tempfile
from pathlib import Path

from contest import write_contest
from measured import Clock
from rossmann import rmspe

from outfold.threads import set_threads

case, path, seed = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
set_threads(case["threads"])

# imports are not measured, in none of the runners
import outfold.learners.tabular.learner  # noqa: E402, F401
from outfold.folds import make_folds  # noqa: E402
from outfold.learners.registry import make_learner  # noqa: E402
from outfold.progress import Reporter  # noqa: E402
from outfold.runs.context import Context  # noqa: E402
from outfold.store.fold_dir import Shelf  # noqa: E402

clock = Clock()

PIPELINE = """\
learner: tabular
target_transform: log
target_range: [500, 60000]
layers: [1000, 500]
dropouts: [0.001, 0.01]
embedding_dropout: 0.04
embedding_width: fastai_2
batch_size: BATCH
weight_decay: DECAY
seed: SEED
phases:
  - {epochs: EPOCHS, schedule: one_cycle, lr: LR}
"""

with tempfile.TemporaryDirectory() as folder:
    root = Path(folder)
    values = {"BATCH": case["batch"], "DECAY": case["weight_decay"], "EPOCHS": case["epochs"], "LR": case["lr"]}
    write_contest(root, path, PIPELINE, SEED=seed, **values)
    context = Context(root, Reporter())
    with clock.measure("prepare"):
        contest = context.contest
        ids = contest.train.index
        folds, _ = make_folds(ids, kind="column", column=contest.fold_column(ids), y=contest.y, task=contest.task)
        learner = make_learner(contest, context.model_config("model"), "model", Reporter())
        shelf = Shelf.open(context.layout.fold("model", 0), "benchmark")
    with clock.measure("train"):
        learner.fit(0, folds.train(0), folds.valid(0), shelf)
    with clock.measure("predict"):
        frame = learner.predict("train", folds.valid(0), {0: shelf})
    frame = frame.set_index("id")
    error = rmspe(contest.truth(frame.index), frame["Sales"].to_numpy())
    clock.finish(rmspe=error, rows=len(folds.train(0)) * case["epochs"])
