"""Time of the demo chain by stage with what it scores, and the start-up time of the command line beside its peers.

    python benchmarks/chain.py [--runs 9] [--picture docs/demo.png]

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


def chain(picture: Path | None) -> None:
    """One run of the chain from nothing, then once more with nothing to do; ``picture`` gets its figures."""
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
        if picture is not None:
            draw(root, picture)


def scored(root: Path, name: str) -> tuple[float, float]:
    """What the demo's host says of one model's file: private log loss, and accuracy on the whole test set."""
    from outfold.runs.context import Context
    from outfold.stages.submit import submit

    answer = submit(Context(root), name, wait_s=0)
    assert answer is not None and answer.private is not None
    return answer.private, answer.extra["accuracy"]


def draw(root: Path, path: Path) -> None:
    """Scores, weights and the worst rows, one below the other."""
    import io

    from PIL import Image

    import outfold

    figures = outfold.open(root).figures
    parts = [figures.scores(), figures.weights(), figures.worst(n=16)]
    images = [Image.open(io.BytesIO(part._repr_png_())).convert("RGB") for part in parts]
    width = max(image.width for image in images)
    sheet = Image.new("RGB", (width, sum(image.height for image in images)), "white")
    top = 0
    for image in images:
        sheet.paste(image, (0, top))
        top += image.height
    sheet.save(path, optimize=True)


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9, help="runs of each start (default 9)")
    parser.add_argument("--no-chain", action="store_true", help="start-up times alone")
    parser.add_argument("--picture", type=Path, help="write the figures of the run to this PNG file")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}\n")
    starts(options.runs)
    if not options.no_chain:
        print()
        chain(options.picture)


if __name__ == "__main__":
    main()
