"""The course's first lesson on 1,000 photos: the recipe of examples/dogs-vs-cats, five folds, beside fastai's one.

    OUTFOLD_TEST_DATA=... python benchmarks/dogs_vs_cats.py --fastai /path/to/python/with/fastai

The example's own files, but for the network, whose weights are at hand: MobileNetV2 at 160 pixels. fastai trains fold 0
on as many frozen and unfrozen epochs, with test-time augmentation. Prints Markdown: out-of-fold scores, and wall time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

REPO = Path(__file__).resolve().parents[1]
RUNS = REPO / "benchmarks" / "vision_runs"
sys.path[:0] = [str(REPO / "src"), str(RUNS)]

from cases import CASES  # noqa: E402

EXAMPLE = REPO / "examples" / "dogs-vs-cats"
NETWORK = "mobilenetv2_100"
WEIGHTS = "weights/mobilenetv2_100.safetensors"
SIZE = 160
LINE = "<line>"
FROZEN_EPOCHS, EPOCHS = 5, 7
"""Of the example's recipe, for fastai: 2 precomputed and 3 frozen; then 1 + 2 + 4."""


def prepare(source: Path, root: Path) -> None:
    """The example's contest with these photos, and its pipelines with the network that there is."""
    shutil.copytree(EXAMPLE, root)
    competition = root / "competition" / "competition.yaml"
    competition.write_text(competition.read_text().replace("host: kaggle", "host: folder"))
    for name in ("train", "test"):
        (root / "inputs" / name).mkdir(parents=True)
    number = 0
    for label in ("cat", "dog"):
        for number, path in enumerate(sorted((source / "dogs-vs-cats" / "train" / label).iterdir())):
            (root / "inputs" / "train" / f"{label}.{number}.jpg").symlink_to(path.resolve())
    # the contest's test photos are not at hand; a few stand in for them, and are not scored
    ids = range(1, 5)
    for one in ids:
        shutil.copyfile(root / "inputs" / "train" / f"cat.{number - one}.jpg", root / "inputs" / "test" / f"{one}.jpg")
    pd.DataFrame({"id": ids, "label": 0.5}).to_csv(root / "inputs" / "sample_submission.csv", index=False)
    (root / "weights").mkdir()
    (root / WEIGHTS).symlink_to((source / WEIGHTS).resolve())
    own = f"timm_args: {{pad_type: same}}{LINE}mean: [0.5, 0.5, 0.5]{LINE}std: [0.5, 0.5, 0.5]"
    changed = {
        "cnn": {
            "model: .*": f"model: {NETWORK}{LINE}{own}",
            "weights: .*": f"weights: {WEIGHTS}",
            "size: .*": f"size: {SIZE}",
            # the network has more layer groups than three; two rates are spread over all of them
            r"(.*) lr: \[(.*), .*, (.*)\](.*)": r"\1 lr: [\2, \3]\4",
        },
        "lightgbm": {"(.*)backbone: .*": rf"\1backbone: {{model: {NETWORK}, weights: {WEIGHTS}, {own}}}"},
    }
    for name, lines in changed.items():
        path = root / "pipelines" / f"{name}.yaml"
        text = path.read_text()
        for pattern, line in lines.items():
            line = line.replace(LINE, ", " if name == "lightgbm" else "\n")
            text, count = re.subn(f"(?m)^{pattern}$", line, text)
            assert count == 1, f"{name}.yaml: {pattern}"
        path.write_text(text)
    (root / "pipelines" / "features.yaml").unlink()


def outfold(root: Path, *arguments: str) -> float:
    """Seconds of one command."""
    began = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(REPO / "src")}
    command = [sys.executable, "-m", "outfold", "--root", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"outfold {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - began


def accuracy(root: Path, name: str) -> tuple[float, float]:
    """Of a pipeline's out-of-fold predictions: accuracy at one half, and log loss."""
    frame = pd.read_parquet(root / "artifacts" / name / "oof.parquet")
    mean = frame.groupby("id")["label"].mean()
    dog = mean.index.astype(str).str.startswith("dog")
    p = np.clip(mean.to_numpy(np.float64), 0.005, 0.995)
    return float(((p > 0.5) == dog).mean()), float(-np.where(dog, np.log(p), np.log(1 - p)).mean())


def fastai_one_fold(python: str, root: Path, data: Path, source: Path) -> dict[str, float]:
    """fastai on the same fold 0: its training part, and the rows that score it."""
    folds = pd.read_parquet(root / "artifacts" / "folds.parquet")
    for name, fold in zip(folds["id"].astype(str), folds["fold"], strict=True):
        folder = data / ("test" if fold == 0 else "train") / name[:3]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to((root / "inputs" / "train" / name).resolve())
    case = replace(CASES["dogs-vs-cats"], frozen_epochs=FROZEN_EPOCHS, epochs=EPOCHS)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(REPO / "src"), str(REPO / "benchmarks"), str(RUNS)]),
    }
    command = [python, str(RUNS / "run_fastai.py"), json.dumps(case.to_dict()), str(data), str(source), "0"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"fastai failed:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fastai", help="a python that has fastai and timm; left out: fastai is not run")
    parser.add_argument("--data", type=Path, default=os.environ.get("OUTFOLD_TEST_DATA"), help="the real photos")
    options = parser.parse_args()
    if options.data is None:
        raise SystemExit("dogs_vs_cats.py: --data FOLDER, or OUTFOLD_TEST_DATA, must name the folder of real photos")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "contest"
        prepare(options.data, root)
        outfold(root, "download")
        seconds = outfold(root, "split") + outfold(root, "train") + outfold(root, "predict") + outfold(root, "ensemble")
        print("| out of fold, 1,000 photos | accuracy | log loss |\n|---|---|---|")
        for name in ("cnn", "lightgbm", "blend"):
            right, loss = accuracy(root, name)
            print(f"| {name} | {right:.4f} | {loss:.4f} |", flush=True)
        print(f"\nOutfold, five folds, both models, TTA and blend: {seconds:.0f} s")
        if options.fastai:
            one = fastai_one_fold(options.fastai, root, Path(folder) / "fold", options.data)
            alone = one["train_s"] + one["tta_s"]
            print(f"fastai, one fold, the network alone, TTA: {alone:.0f} s, accuracy {one['accuracy']:.4f}")
            print(f"ratio: {seconds / alone:.2f}")


if __name__ == "__main__":
    main()
