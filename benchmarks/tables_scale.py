"""Memory and time of tables from 10,000 to 5,000,000 generated rows: reading, reading again, LightGBM on a fold.

    python benchmarks/tables_scale.py [--counts 10000 100000 1000000 5000000] [--rounds 20] [--read-only]

The table has 20 columns beside the id and the target: whole numbers, fractions with gaps, words of 5 to 1,000 levels,
dates and a truth value; a tenth as many rows again are the test set. Each part of each count is a process of its own,
so that no part's peak hides in another's. Prints Markdown: seconds, and the peak of what the process has allocated
beside the size of the table in memory. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc_csv

REPO = Path(__file__).resolve().parents[1]
COMPETITION = """\
host: folder
slug: scale
id: id
target: target
metric: auc
columns: {dates: [opened, seen]}
folds: {n: 5}
"""
PIPELINE = "learner: gbdt\nrounds: %d\n"
BLOCK = 500_000
LEVELS = {"answer": 2, "size": 5, "colour": 12, "state": 50, "shop": 200, "street": 1000}


def generate(root: Path, rows: int, rounds: int) -> None:
    """A contest of so many training rows; the same bytes for the same count."""
    for name in ("competition", "pipelines", "inputs"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "competition" / "competition.yaml").write_text(COMPETITION)
    (root / "pipelines" / "lightgbm.yaml").write_text(PIPELINE % rounds)
    inputs = root / "inputs"
    _write(inputs / "train.csv", rows, first=0, target=True)
    _write(inputs / "test.csv", max(1, rows // 10), first=rows, target=False)
    sample = pa.table({"id": np.arange(rows, rows + max(1, rows // 10)), "target": np.full(max(1, rows // 10), 0.5)})
    pc_csv.write_csv(sample, inputs / "sample_submission.csv")


def _write(path: Path, rows: int, *, first: int, target: bool) -> None:
    with path.open("wb") as file:
        for start in range(first, first + rows, BLOCK):
            block = _block(start, min(BLOCK, first + rows - start), target)
            if start == first:
                file.write((",".join(block.columns) + "\n").encode())
            options = pc_csv.WriteOptions(include_header=False, quoting_style="none")
            pc_csv.write_csv(pa.Table.from_pandas(block, preserve_index=False), file, options)


def _block(start: int, rows: int, target: bool) -> pd.DataFrame:
    rng = np.random.default_rng([start, rows])
    columns: dict[str, Any] = {"id": np.arange(start, start + rows)}
    for number, top in enumerate((2, 10, 100, 5_000, 1_000_000)):
        columns[f"whole{number}"] = rng.integers(0, top, rows)
    for number, gaps in enumerate((0.0, 0.0, 0.05, 0.5)):
        values = np.round(rng.normal(100.0, 30.0, rows), 3)
        columns[f"part{number}"] = np.where(rng.random(rows) < gaps, np.nan, values)
    for name, levels in LEVELS.items():
        words = np.array([f"{name}-{level}" for level in range(levels)], dtype=object)
        columns[name] = words[(levels * rng.random(rows) ** 2).astype(np.int64)]
    columns["city"] = pd.Series(columns["shop"]).where(rng.random(rows) < 0.9)
    columns["member"] = rng.random(rows) < 0.3
    days = np.datetime64("2015-01-01") + rng.integers(0, 1500, rows)
    columns["opened"] = days.astype(str)
    columns["seen"] = (days + rng.integers(0, 90, rows)).astype(str)
    columns["score"] = np.round(rng.random(rows), 4)
    if target:
        risk = (columns["part0"] - 100) / 30 + (columns["whole1"] - 4.5) / 3 + columns["member"]
        columns["target"] = (risk + rng.logistic(size=rows) > 0).astype(np.int64)
    return pd.DataFrame(columns)


class Peak:
    """The most that this process has allocated while it is open, in GB above what it had at the start.

    Mapped pages of files are not counted: the system may take them back at any time.
    """

    gb = 0.0

    def __enter__(self) -> Peak:
        self._before, self._stop = allocated(), threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            self.gb = max(self.gb, (allocated() - self._before) / 1e9)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._watcher.join()


def allocated() -> int:
    """Bytes of memory of this process that no file stands behind."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")))


def measure(part: str, root: Path) -> dict[str, float]:
    """One part of the work, in this process: its seconds, its peak in GB above the imports, the table's GB."""
    from outfold.contest_files import load_contest
    from outfold.data.reading.tables import read_table

    if part in ("split", "train"):
        from outfold.learners.gbdt.runtime import load_lightgbm
        from outfold.runs.context import Context
        from outfold.stages.split import split
        from outfold.stages.train import train

        load_lightgbm()
        with Peak() as peak:
            began = time.perf_counter()
            if part == "split":
                split(Context(root))
            else:
                train(Context(root), "lightgbm", only_folds=[0])
            seconds = time.perf_counter() - began
        return {"seconds": seconds, "peak_gb": peak.gb}
    with Peak() as peak:
        began = time.perf_counter()
        if part == "table":
            frames = [read_table(root / "inputs" / "train.csv", cache=root / "artifacts" / "alone").frame]
        else:
            contest = load_contest(root)
            frames = [contest.train, contest.test]
        seconds = time.perf_counter() - began
    size = sum(int(frame.memory_usage(deep=False).sum()) for frame in frames)
    return {"seconds": seconds, "peak_gb": peak.gb, "table_gb": size / 1e9}


def _apart(part: str, root: Path) -> dict[str, float]:
    words = [sys.executable, __file__, "--part", part, "--root", str(root)]
    # as `import outfold` has it where that comes first, which in the program of a stage it does
    environment = {**os.environ, "PYTHONPATH": str(REPO / "src"), "ARROW_DEFAULT_MEMORY_POOL": "system"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 5_000_000])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--read-only", action="store_true", help="train nothing")
    parser.add_argument("--part", choices=("table", "contest", "split", "train"), help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part is not None:
        print(json.dumps(measure(asked.part, asked.root)))
        return
    parts = [("table", "table"), ("table, again", "table"), ("contest", "contest"), ("contest, again", "contest")]
    parts += [] if asked.read_only else [("split", "split"), ("train a fold", "train")]
    print("| rows | CSV | part | seconds | us a row | peak | table in memory | peak / table |")
    print("|---|---|---|---|---|---|---|---|")
    for count in asked.counts:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            generate(root, count, asked.rounds)
            csv_gb = (root / "inputs" / "train.csv").stat().st_size / 1e9
            size = 0.0
            for name, part in parts:
                found = _apart(part, root)
                size = found.get("table_gb", size)
                ratio = found["peak_gb"] / size
                print(
                    f"| {count:,} | {csv_gb:.3f} GB | {name} | {found['seconds']:.2f} | "
                    f"{found['seconds'] / count * 1e6:.2f} | {found['peak_gb']:.3f} GB | {size:.3f} GB | {ratio:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
