"""``artifacts/folds.parquet``: id, fold, and with a gap a true/false per fold; metadata: the fingerprint."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from outfold.errors import DataError
from outfold.folds import Folds
from outfold.store.atomic import atomic_path
from outfold.store.damage import damaged

GAP = "gap_"
"""The rest of a column's name is a fold: whether the row is too near to its scored rows to train its model."""


def write_folds(path: Path, folds: Folds, fingerprint: str) -> None:
    """Write the split, whole or not at all."""
    table = pa.Table.from_pandas(folds.frame[["id", "fold"]], preserve_index=False)
    if folds.purged is not None:
        for fold, purged in enumerate(folds.purged.T):
            table = table.append_column(f"{GAP}{fold}", pa.array(purged))
    facts = {"kind": folds.kind, "n": folds.n, "repeats": folds.repeats, "hash": folds.hash, "fingerprint": fingerprint}
    with atomic_path(path) as beside:
        pq.write_table(table.replace_schema_metadata({k: str(v) for k, v in facts.items()}), beside)


def folds_fingerprint(path: Path) -> str | None:
    """What the split on disk was made of, or None where there is none that can be read."""
    try:
        metadata = pq.read_schema(path).metadata or {}
        return metadata.get(b"fingerprint", b"").decode() or None
    except (OSError, pa.ArrowException, ValueError):
        return None


def read_folds(path: Path) -> Folds:
    """Read the split back.

    Raises:
        DataError: no such file.
        DamagedError: it is damaged, or was changed by hand.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file", remedy="Run `outfold split` first.")
    try:
        table = pq.read_table(path)
        facts = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        gap = [name for name in table.column_names if name.startswith(GAP)]
        frame: pd.DataFrame = table.drop_columns(gap).to_pandas()
        purged = table.select(gap).to_pandas().to_numpy(dtype=bool) if gap else None
        folds = Folds(frame, facts["kind"], int(facts["n"]), int(facts["repeats"]), purged)
        unchanged = folds.hash == facts["hash"]  # ids that are no text show here
    except DataError as error:
        raise damaged(path, f"damaged ({error.message})", remove=True) from None
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"damaged ({error})", remove=True) from None
    if not unchanged:
        raise damaged(path, "its rows do not match its own hash: it was damaged, or changed by hand", remove=True)
    return folds
