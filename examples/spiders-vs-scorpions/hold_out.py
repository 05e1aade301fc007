"""Hold out a fifth of the scraped photos as a test set of one's own. Run it once, with PYTHONPATH=src."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from outfold.data.images.decode import BadImageError, decode
from outfold.data.images.files import class_folders

SHARE = 0.2
LEAST_SIDE = 32


def hold_out(root: Path, seed: int = 0) -> pd.DataFrame:
    """Move readable photos from inputs/train to inputs/test under numbers, and write the sample and the solution.

    Returns:
        the solution: file, kind, Usage.

    Raises:
        SystemExit: photos were held out before.
    """
    inputs = root / "inputs"
    if (inputs / "test").exists():
        raise SystemExit(f"{inputs / 'test'} is there already: photos were held out before")
    images, _ = class_folders(inputs, "train")
    table = pd.DataFrame({"path": images.paths, "kind": images.labels})
    table = table[[_readable(inputs / path) for path in table["path"]]]
    chosen = table.groupby("kind").sample(frac=SHARE, random_state=seed).sample(frac=1, random_state=seed)
    chosen["file"] = [f"{n:04d}{Path(path).suffix.lower()}" for n, path in enumerate(chosen["path"])]
    (inputs / "test").mkdir()
    for path, file in zip(chosen["path"], chosen["file"], strict=True):
        (inputs / path).rename(inputs / "test" / file)
    solution = chosen[["file", "kind"]].assign(Usage=np.where(np.arange(len(chosen)) % 3 == 0, "Public", "Private"))
    solution.to_csv(root / "solution.csv", index=False)
    solution[["file", "kind"]].assign(kind=sorted(set(table["kind"]))[0]).to_csv(
        inputs / "sample_submission.csv", index=False
    )
    return solution


def _readable(path: Path) -> bool:
    try:
        return min(decode(path).shape[:2]) >= LEAST_SIDE
    except BadImageError:
        return False


if __name__ == "__main__":
    held = hold_out(Path(__file__).resolve().parent if len(sys.argv) < 2 else Path(sys.argv[1]))
    print(f"{len(held)} photos held out")
