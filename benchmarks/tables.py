"""Tables beside their peers, on Rossmann: entity embeddings in Outfold, fastai 2.8 and plain torch; LightGBM by hand.

    OUTFOLD_TEST_DATA=... python benchmarks/tables.py --fastai /path/to/python/with/fastai [--seeds 3] [--cases net-512]

Each run is a process of its own, that measures itself; runs are interleaved. Prints Markdown: medians, and the ratio to
the peer of each seed's pair of runs (median). Preparing is reading the table and making numbers of it; in Outfold, what
is learnt from the training part (codes, medians, means) counts as training.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

REPO = Path(__file__).resolve().parents[1]
RUNS = REPO / "benchmarks" / "tables_runs"
sys.path.insert(0, str(RUNS))

from rossmann import prepare  # noqa: E402

NETWORK = {"epochs": 2, "lr": 1e-3, "weight_decay": 0.01}
TREES = {
    **{"learning_rate": 0.1, "num_leaves": 63, "feature_fraction": 0.8, "bagging_fraction": 0.8, "bagging_freq": 1},
    **{"lambda_l2": 1.0, "min_data_in_leaf": 20},
}
CASES: dict[str, dict] = {
    "net-128": {**NETWORK, "batch": 128},
    "net-512": {**NETWORK, "batch": 512},
    "trees": {"folds": 3, "rounds": 1000, "params": TREES},
}
RUNNERS = {"net": ("outfold", "fastai", "plain"), "trees": ("outfold", "by_hand")}
FEW_ROWS = 60_000


def tables(source: Path, folder: Path, few: bool) -> dict[str, Path]:
    """The table of each kind of case: with the last 48 days held out, and with three random folds."""
    held_out = prepare(source, folder)
    if few:
        pd.read_parquet(held_out).tail(FEW_ROWS).to_parquet(held_out, index=False)
    table = pd.read_parquet(held_out)
    table["fold"] = np.random.default_rng(0).integers(0, CASES["trees"]["folds"], len(table))
    crossed = folder / "crossed.parquet"
    table.to_parquet(crossed, index=False)
    return {"net": held_out, "trees": crossed}


def run(python: str, script: str, case: dict, table: Path, seed: int) -> dict[str, float]:
    """One run in a process of its own."""
    paths = [str(REPO / "src"), str(REPO / "benchmarks"), str(RUNS)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": str(case["threads"])}
    command = [python, str(RUNS / script), json.dumps(case), str(table), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{script} failed:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def report(name: str, results: dict[str, list[dict[str, float]]]) -> None:
    """One case as a table; the peer is the second runner."""
    peer = list(results)[1]
    print(f"\n### {name}\n")
    print(f"| | prepare s | train s | rows/s | predict s | peak GB | RMSPE | all / {peer} | peak / {peer} |")
    print("|---|---|---|---|---|---|---|---|---|")
    for runner, runs in results.items():
        median = {key: statistics.median(one[key] for one in runs) for key in runs[0]}
        pairs = list(zip(runs, results[peer], strict=True))
        ratio = statistics.median(_all(a) / _all(b) for a, b in pairs)
        peak = statistics.median(a["peak_gb"] / b["peak_gb"] for a, b in pairs)
        print(
            f"| {runner} | {median.get('prepare_s', 0):.1f} | {median['train_s']:.1f} "
            f"| {median['rows'] / median['train_s']:,.0f} | {median.get('predict_s', 0):.1f} | {median['peak_gb']:.2f} "
            f"| {median['rmspe']:.4f} | {ratio:.2f} | {peak:.2f} |",
            flush=True,
        )


def _all(one: dict[str, float]) -> float:
    return sum(one.get(f"{part}_s", 0.0) for part in ("prepare", "train", "predict"))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=NETWORK["epochs"])
    parser.add_argument("--rounds", type=int, default=CASES["trees"]["rounds"])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--fastai", help="a python that has fastai and pyarrow; left out: fastai is not run")
    parser.add_argument("--data", type=Path, default=os.environ.get("OUTFOLD_TEST_DATA"), help="the real data")
    parser.add_argument("--few", action="store_true", help=f"{FEW_ROWS:,} rows, to try the program")
    options = parser.parse_args()
    if options.data is None:
        raise SystemExit("tables.py: --data FOLDER, or OUTFOLD_TEST_DATA, must name the folder of real data")
    pythons = {"fastai": options.fastai} if options.fastai else {}
    print(f"{options.threads} threads, {options.seeds} seeds", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        made = tables(Path(options.data), Path(folder), options.few)
        for name in options.cases:
            kind = name.partition("-")[0]
            case = {**CASES[name], "threads": options.threads}
            case |= {"epochs": options.epochs} if kind == "net" else {"rounds": options.rounds}
            runners = [one for one in RUNNERS[kind] if one != "fastai" or options.fastai]
            results: dict[str, list[dict[str, float]]] = {runner: [] for runner in runners}
            for seed in range(options.seeds):
                for runner in runners:
                    python = pythons.get(runner, sys.executable)
                    results[runner].append(run(python, f"{kind}_{runner}.py", case, made[kind], seed))
                    print(f"  {name} seed {seed} {runner}: {results[runner][-1]}", file=sys.stderr, flush=True)
            report(name, results)


if __name__ == "__main__":
    main()
