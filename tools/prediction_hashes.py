"""Hashes of the predictions of the demo and of every example's sample, to show that a change moves no number.

    python tools/prediction_hashes.py record before.json     # on the old commit
    python tools/prediction_hashes.py compare before.json    # on the new one: exits with 1 where a hash differs

The samples are those of ``tests/test_examples.py``. Hashes are compared on one machine, with one set of packages.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
os.environ.update(OUTFOLD_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
sys.path[:0] = [str(REPO / "src"), str(REPO / "tests")]


def content_sha256(path: Path) -> str:
    """SHA-256 of a predictions file's rows: ids, folds, members and outputs, whatever the file's metadata."""
    import pandas as pd

    frame = pd.read_parquet(path)
    hasher = hashlib.sha256()
    for name, column in frame.items():
        hasher.update(str(name).encode())
        values = column.to_numpy()
        hasher.update(values.tobytes() if values.dtype.kind in "fiu" else "\0".join(map(str, values)).encode())
    return hasher.hexdigest()


def contest_hashes(root: Path) -> dict[str, str]:
    """Hashes of all ``oof.parquet`` and ``test.parquet`` of a contest folder, by their path, after all its stages."""
    import torch

    from outfold.runs.context import Context
    from outfold.stages.download import download
    from outfold.stages.ensemble import ensemble
    from outfold.stages.predict import predict
    from outfold.stages.split import split
    from outfold.stages.train import train

    torch.set_num_threads(1)
    for stage in (download, split):
        stage(Context(root))
    context = Context(root)
    for pipeline in context.layout.pipeline_names():
        train(context, pipeline)
        predict(context, pipeline)
    ensemble(context)
    files = sorted((root / "artifacts").glob("*/*.parquet"))
    return {str(path.relative_to(root)): content_sha256(path) for path in files if path.stem in ("oof", "test")}


def all_hashes() -> dict[str, dict[str, str]]:
    """The hashes by contest."""
    import test_examples

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("demo", *test_examples.NAMES):
            root = Path(folder) / name
            if name == "demo":
                root.mkdir()
                for part in ("competition", "pipelines"):
                    shutil.copytree(REPO / part, root / part)
            else:
                test_examples.copy(name, root)
                test_examples.SAMPLES[name](root)
            found[name] = contest_hashes(root)
            print(name, len(found[name]), "files", flush=True)
            shutil.rmtree(root)
    return found


def main() -> None:
    """Record the hashes, or compare them with a record."""
    action, file = sys.argv[1], Path(sys.argv[2])
    found = all_hashes()
    if action == "record":
        file.write_text(json.dumps(found, indent=1) + "\n")
        return
    before = json.loads(file.read_text())
    names = {(contest, path) for table in (before, found) for contest, paths in table.items() for path in paths}
    moved = [
        f"{contest}/{path}" for contest, path in sorted(names)
        if before.get(contest, {}).get(path) != found.get(contest, {}).get(path)
    ]  # fmt: skip
    print(f"{len(names) - len(moved)} of {len(names)} files of predictions are the same")
    if moved:
        sys.exit("differ: " + ", ".join(moved))


if __name__ == "__main__":
    main()
