"""``artifacts/folds.parquet``: id, fold; and in its metadata what the split was made of."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from outfold.errors import DataError
from outfold.folds import Folds
from outfold.store.atomic import atomic_path


def write_folds(path: Path, folds: Folds, fingerprint: str) -> None:
    """Write the split, whole or not at all."""
    table = pa.Table.from_pandas(folds.frame[["id", "fold"]], preserve_index=False)
    facts = {"kind": folds.kind, "n": folds.n, "repeats": folds.repeats, "hash": folds.hash, "fingerprint": fingerprint}
    with atomic_path(path) as beside:
        pq.write_table(table.replace_schema_metadata({k: str(v) for k, v in facts.items()}), beside)


def folds_fingerprint(path: Path) -> str | None:
    """What the split on disk was made of, or None where there is none that can be read."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException):
        return None
    return metadata.get(b"fingerprint", b"").decode() or None


def read_folds(path: Path) -> Folds:
    """Read the split back.

    Raises:
        DataError: no such file, damaged, or changed by hand.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file", remedy="Run `outfold split` first.")
    try:
        table = pq.read_table(path)
        facts = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        frame: pd.DataFrame = table.to_pandas()
        folds = Folds(frame=frame, kind=facts["kind"], n=int(facts["n"]), repeats=int(facts["repeats"]))
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise DataError(f"{path}: damaged ({error})", remedy="Remove it and run `outfold split`.") from None
    if folds.hash != facts["hash"]:
        raise DataError(
            f"{path}: its rows do not match its own hash: it was changed by hand",
            remedy="Remove it and run `outfold split`; for your own folds use `folds: {kind: column, column: NAME}`.",
        )
    return folds
