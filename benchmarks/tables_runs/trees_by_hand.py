"""LightGBM by hand: three folds of Rossmann, out-of-fold predictions; what anybody would write in a notebook.

Usage: python trees_by_hand.py CASE_JSON TABLE SEED
"""

import json
import sys
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from measured import Clock
from rossmann import CATEGORICAL, CONTINUOUS, rmspe

case, path, seed = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
clock = Clock()

# --- the user's code begins
with clock.measure("train"):
    table = pd.read_parquet(path)
    features = table[[*CATEGORICAL, *(name for name in CONTINUOUS if name not in CATEGORICAL)]].copy()
    for name in CATEGORICAL:
        features[name] = features[name].astype("category")
    target = table["Sales"].to_numpy(np.float64)
    fold = table["fold"].to_numpy()
    out_of_fold = np.zeros(len(table))
    params = {
        **case["params"],
        "objective": "regression",
        "seed": seed,
        "num_threads": case["threads"],
        "verbosity": -1,
    }
    params |= {"deterministic": True, "force_row_wise": True}
    for number in range(case["folds"]):
        valid = fold == number
        data = lightgbm.Dataset(features[~valid], target[~valid])
        booster = lightgbm.train(params, data, case["rounds"])
        out_of_fold[valid] = booster.predict(features[valid])
# --- the user's code ends
clock.finish(rmspe=rmspe(target, out_of_fold), rows=len(table))
