"""Outfold, fastai 2.8 and a plain timm script: same model, data, epochs, batch and size, interleaved, over seeds.

    OUTFOLD_TEST_DATA=... python benchmarks/vision.py --fastai /path/to/python/with/fastai [--seeds 3] [--cases cifar10]

Each run is a process of its own, that measures itself. Prints Markdown: medians, the spread of accuracy, and the
ratio to fastai of each seed's pair of runs (median). Lines of user code: those between the marks, or of YAML.
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

RUNS = Path(__file__).resolve().parent / "vision_runs"
REPO = RUNS.parents[1]
sys.path.insert(0, str(RUNS))

from cases import CASES, Case, prepare  # noqa: E402


def run(python: str, script: str, case: Case, data: Path, source: Path, seed: int) -> dict[str, float]:
    """One run in a process of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(REPO / "src"), str(REPO / "benchmarks"), str(RUNS)]),
    }
    command = [python, str(RUNS / script), json.dumps(case.to_dict()), str(data), str(source), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{script} failed:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def lines_of_code(script: str) -> int:
    """What a user would write: between the marks, or the YAML in capitals."""
    text = (RUNS / script).read_text()
    if "user's code begins" in text:
        text = text.split("user's code begins")[1].split("# --- the user's code ends")[0]
        return sum(bool(line.strip()) for line in text.splitlines()[1:])
    blocks = [text.split(f'{name} = """\\\n')[1].split('"""')[0] for name in ("COMPETITION", "PIPELINE")]
    return sum(block.count("\n") for block in blocks)


def report(case: Case, results: dict[str, list[dict[str, float]]]) -> None:
    """One case as a table."""
    print(f"\n### {case.name}: {case.model}, {case.size} px, {case.frozen_epochs + case.epochs} epochs\n")
    print("| | train s | img/s | CPU s | TTA s | peak GB | accuracy, spread | train / fastai | TTA / fastai | lines |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, runs in results.items():
        median = {key: statistics.median(r[key] for r in runs) for key in runs[0]}
        accuracies = [r["accuracy"] for r in runs]
        ratios = ["", ""]
        if "fastai" in results:
            pairs = list(zip(runs, results["fastai"], strict=True))
            ratios = [f"{statistics.median(a[k] / b[k] for a, b in pairs):.2f}" for k in ("train_s", "tta_s")]
        print(
            f"| {name} | {median['train_s']:.1f} | {median['images'] / median['train_s']:.0f} "
            f"| {median['train_cpu_s'] + median['tta_cpu_s']:.0f} | {median['tta_s']:.1f} | {median['peak_gb']:.2f} "
            f"| {statistics.mean(accuracies):.4f}, {max(accuracies) - min(accuracies):.4f} | {ratios[0]} | {ratios[1]} "
            f"| {lines_of_code(f'run_{name}.py')} |"
        )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--fastai", help="a python that has fastai and timm; left out: fastai is not run")
    parser.add_argument("--data", type=Path, default=os.environ.get("OUTFOLD_TEST_DATA"), help="the real images")
    parser.add_argument("--without-timm", action="store_true", help="leave the plain timm script out")
    options = parser.parse_args()
    if options.data is None:
        raise SystemExit("vision.py: --data FOLDER, or OUTFOLD_TEST_DATA, must name the folder of real images")
    runners = {"outfold": sys.executable}
    if options.fastai:
        runners["fastai"] = options.fastai
    if not options.without_timm:
        runners["timm"] = sys.executable
    print(f"{os.cpu_count()} cores, {options.seeds} seeds", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in options.cases:
            case = CASES[name]
            data = prepare(case, options.data, Path(folder))
            results: dict[str, list[dict[str, float]]] = {runner: [] for runner in runners}
            for seed in range(options.seeds):
                for runner, python in runners.items():
                    results[runner].append(run(python, f"run_{runner}.py", case, data, options.data, seed))
                    print(f"  {name} seed {seed} {runner}: {results[runner][-1]}", file=sys.stderr, flush=True)
            report(case, results)


if __name__ == "__main__":
    main()
