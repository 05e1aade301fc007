"""Entity embeddings on Rossmann in fastai 2.8, as its documentation and the course would write it.

Usage: python net_fastai.py CASE_JSON TABLE SEED
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from fastai.tabular.all import (
    Categorify,
    FillMissing,
    Normalize,
    RegressionBlock,
    TabularPandas,
    set_seed,
    tabular_config,
    tabular_learner,
)
from measured import Clock
from rossmann import CATEGORICAL, CONTINUOUS, rmspe

case, path, seed = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
set_seed(seed, reproducible=False)
torch.set_num_threads(case["threads"])
clock = Clock()

# --- the user's code begins
with clock.measure("prepare"):
    table = pd.read_parquet(path)
    table["LogSales"] = np.log(table["Sales"])
    names = [name for name in CONTINUOUS if name not in CATEGORICAL]
    held_out = np.flatnonzero(table["fold"] == 0)
    splits = (list(np.flatnonzero(table["fold"] != 0)), list(held_out))
    data = TabularPandas(
        table,
        procs=[FillMissing, Categorify, Normalize],
        cat_names=CATEGORICAL,
        cont_names=names,
        y_names="LogSales",
        y_block=RegressionBlock(),
        splits=splits,
    )
    loaders = data.dataloaders(bs=case["batch"])
with clock.measure("train"):
    highest = table["LogSales"].iloc[splits[0]].max() * 1.2
    config = tabular_config(ps=[0.001, 0.01], embed_p=0.04, y_range=[0, highest])
    learn = tabular_learner(loaders, layers=[1000, 500], config=config)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(case["epochs"], case["lr"], wd=case["weight_decay"])
with clock.measure("predict"), learn.no_bar():
    said, truth = learn.get_preds()
# --- the user's code ends
clock.finish(rmspe=rmspe(np.exp(truth.numpy()), np.exp(said.numpy())), rows=len(splits[0]) * case["epochs"])
