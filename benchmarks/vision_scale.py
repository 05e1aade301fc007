"""Memory and time of the image pipeline from 1,000 to 60,000 images: CIFAR-10, one fold of five, one epoch, TTA.

    OUTFOLD_TEST_DATA=... python benchmarks/vision_scale.py [--counts 1000 10000 60000]

Each count is a process of its own. Prints Markdown: seconds and milliseconds an image, and the peak of what the process
has allocated. What it maps of the cache file is not counted: the system may take these pages back at any time.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
COMPETITION = """\
host: folder
slug: scale
id: id
target: label
metric: accuracy
columns: {image: path}
"""
PIPELINE = """\
learner: image
model: resnet18
weights: none
size: 32
phases:
  - {epochs: 1, lr: 3e-3}
"""


def prepare(source: Path, root: Path, count: int) -> None:
    """``count`` images of CIFAR-10, both of its parts together, as a contest; the classes in turn."""
    for name in ("competition", "pipelines", "inputs"):
        (root / name).mkdir(parents=True)
    (root / "competition" / "competition.yaml").write_text(COMPETITION)
    (root / "pipelines" / "cnn.yaml").write_text(PIPELINE)
    taken: dict[str, int] = {}
    rows = []
    with tarfile.open(source / "cifar10" / "cifar10.tar.gz") as archive:
        for member in archive:
            path = Path(member.name)
            label = path.parent.name
            if not member.isfile() or taken.get(label, 0) >= count // 10:
                continue
            taken[label] = taken.get(label, 0) + 1
            file = archive.extractfile(member)
            assert file is not None
            name = f"{path.parts[-3]}-{label}-{path.name}"
            (root / "inputs" / name).write_bytes(file.read())
            rows.append({"id": name, "label": label, "path": name})
    tables = {"train.csv": rows, "test.csv": rows[:1], "sample_submission.csv": [{"id": rows[0]["id"], "label": "x"}]}
    for name, content in tables.items():
        with (root / "inputs" / name).open("w", newline="") as written:
            writer = csv.DictWriter(written, list(content[0]))
            writer.writeheader()
            writer.writerows(content)


def allocated() -> int:
    """Bytes that this process has for itself, files that it maps left out (Linux)."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]) * 1024


def one(root: Path) -> None:
    """Run in a process of its own: the stages' own work, measured."""
    peak, stop = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not stop.wait(0.05):
            peak = max(peak, allocated())

    threading.Thread(target=watch, daemon=True).start()
    from outfold.learners.registry import make_learner
    from outfold.progress import Reporter
    from outfold.runs.context import Context
    from outfold.stages.split import split
    from outfold.store.fold_dir import Shelf
    from outfold.threads import pin_threads

    pin_threads()
    reporter = Reporter()
    context = Context(root, reporter)
    split(context)
    times = [time.perf_counter()]
    learner = make_learner(context.contest, context.model_config("cnn"), "cnn", reporter)
    learner.check()
    times.append(time.perf_counter())
    shelf = Shelf.open(context.layout.fold("cnn", 0), "benchmark")
    learner.fit(0, context.folds.train(0), context.folds.valid(0), shelf)
    times.append(time.perf_counter())
    learner.predict("train", context.folds.valid(0), {0: shelf})
    times.append(time.perf_counter())
    stop.set()
    seconds = [after - before for before, after in itertools.pairwise(times)]
    print(json.dumps({"seconds": seconds, "peak": peak}))


def main() -> None:
    """Measure each count and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", nargs="+", type=int, default=[1000, 10_000, 60_000])
    parser.add_argument("--data", type=Path, default=os.environ.get("OUTFOLD_TEST_DATA"), help="the real images")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(options.one)
        return
    if options.data is None:
        raise SystemExit("vision_scale.py: --data FOLDER, or OUTFOLD_TEST_DATA, must name the folder of real images")
    print("| images | decode s | train s | TTA s | ms an image | peak MB |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for count in options.counts:
            root = Path(folder) / str(count)
            prepare(options.data, root, count)
            command = [sys.executable, str(Path(__file__).resolve()), "--one", str(root)]
            environment = {**os.environ, "PYTHONPATH": str(REPO / "src")}
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
            if done.returncode:
                raise SystemExit(f"{count} images failed:\n{done.stdout}{done.stderr}")
            found = json.loads(done.stdout.strip().splitlines()[-1])
            seconds, peak = found["seconds"], found["peak"] / 1e6
            cells = [*(f"{value:.1f}" for value in seconds), f"{1000 * sum(seconds) / count:.2f}", f"{peak:.0f}"]
            print(f"| {count:,} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
