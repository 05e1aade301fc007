"""Time of the demo chain by stage with what it scores, and the start-up time of the command line beside its peers.

    python benchmarks/chain.py [--runs 9]

Works in a temporary folder, on a copy of this checkout's competition/ and pipelines/. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPO / "src")}
STARTS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "outfold --help": [sys.executable, "-m", "outfold", "--help"],
    "kaggle --version": [sys.executable, "-m", "kaggle.cli", "--version"],
    "python -c 'import timm'": [sys.executable, "-c", "import timm"],
}


def seconds(command: list[str]) -> float:
    """Wall time of one process; it must end well."""
    began = time.perf_counter()
    subprocess.run(command, check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def starts(runs: int) -> None:
    """Each command after a warm-up, interleaved so that a slow moment of the machine hits all."""
    times: dict[str, list[float]] = {name: [] for name in STARTS}
    for command in STARTS.values():
        seconds(command)
    for _ in range(runs):
        for name, command in STARTS.items():
            times[name].append(seconds(command))
    print("| start | median s | min | max |\n|---|---|---|---|")
    for name, taken in times.items():
        print(f"| `{name}` | {statistics.median(taken):.2f} | {min(taken):.2f} | {max(taken):.2f} |")


def chain() -> None:
    """One run of the chain from nothing, then once more with nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for part in ("competition", "pipelines"):
            shutil.copytree(REPO / part, root / part)
        names = sorted(path.stem for path in (root / "pipelines").glob("*.yaml") if path.stem != "blend")
        stages = [["download"], ["split"], *(["train", name] for name in names), *(["predict", name] for name in names)]
        stages += [["ensemble"], ["submit"]]
        print("| stage | s | again, s |\n|---|---|---|")
        first = [seconds([sys.executable, "-m", "outfold", "--root", folder, *stage]) for stage in stages]
        again = [seconds([sys.executable, "-m", "outfold", "--root", folder, *stage]) for stage in stages]
        for stage, one, two in zip(stages, first, again, strict=True):
            print(f"| {' '.join(stage)} | {one:.1f} | {two:.1f} |")
        print(f"| **all** | **{sum(first):.0f}** | **{sum(again):.1f}** |\n")
        print("| model | out-of-fold log loss | test log loss, private | test accuracy |\n|---|---|---|---|")
        shutil.rmtree(root / "submissions")  # or the blend would be known, and not scored again
        for name in [*names, "blend"]:
            manifest = json.loads((root / "artifacts" / name / "manifest.json").read_text())
            private, accuracy = scored(root, name)
            print(f"| {name} | {manifest['score']:.4f} | {private:.4f} | {accuracy:.4f} |")


def scored(root: Path, name: str) -> tuple[float, float]:
    """What the demo's host says of one model's file: private log loss, and accuracy on the whole test set."""
    from outfold.stages.context import Context
    from outfold.stages.submit import submit

    answer = submit(Context(root), name, wait_s=0)
    assert answer is not None and answer.private is not None
    return answer.private, answer.extra["accuracy"]


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9, help="runs of each start (default 9)")
    parser.add_argument("--no-chain", action="store_true", help="start-up times alone")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}\n")
    starts(options.runs)
    if not options.no_chain:
        print()
        chain()


if __name__ == "__main__":
    main()
