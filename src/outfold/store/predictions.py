"""Predictions by id: the one form that every learner leaves and every blend reads.

A frame has the columns ``id``, ``fold``, ``member`` and one float32 column an output; float64 where the target lies so
far from zero that float32 would blur it (:attr:`outfold.contest.Contest.precise_outputs`). Out of fold, each row
carries the fold that scored it; on the test set, the fold whose model spoke. Nothing is ever joined by position.

An output whose own name is one of the three, such as the class ``member``, has the column ``output:member``
(:func:`output_column`); every other output has a column of its own name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from outfold.cell_values import float_table
from outfold.errors import DataError, MismatchError, some
from outfold.store.atomic import atomic_path

KEYS = ("id", "fold", "member")
_PREFIX = "output:"


def output_column(name: str) -> str:
    """The column of an output: its name, after ``output:`` where that alone would be a key column."""
    return f"{_PREFIX}{name}" if _is_taken(name) else name


def _output_name(column: str) -> str:
    """The output of a column, the inverse of :func:`output_column`."""
    return column.removeprefix(_PREFIX) if _is_taken(column) else column


def _is_taken(name: str) -> bool:
    """Whether a name is a key column's, or one after ``output:``, which only names that collide have."""
    while name.startswith(_PREFIX):
        name = name.removeprefix(_PREFIX)
    return name in KEYS


def prediction_frame(
    ids: pd.Index, fold: int, member: str, outputs: Sequence[str], values: np.ndarray, precise: Collection[str] = ()
) -> pd.DataFrame:
    """One member's predictions of one fold.

    Args:
        ids: the rows, (n,).
        values: (n, outputs), in the order of ``outputs``.
        precise: the outputs that are kept as float64.

    Raises:
        DataError: the shape is wrong or a value is not finite.
    """
    values = np.asarray(values, dtype=np.float64 if precise else np.float32)
    if values.shape != (len(ids), len(outputs)):
        raise DataError(f"predictions of fold {fold}: shape {values.shape}, expected {(len(ids), len(outputs))}")
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise DataError(
            f"predictions of fold {fold}, member {member}: {int(bad.sum())} rows are not finite ({some(ids[bad])})",
            remedy="A diverged model gives such numbers: lower its learning rate.",
        )
    frame = pd.DataFrame({"id": np.asarray(ids), "fold": np.int64(fold), "member": member})
    table = pd.DataFrame(values, columns=[output_column(name) for name in outputs])
    if precise:
        table = table.astype({output_column(name): np.float32 for name in outputs if name not in precise})
    return pd.concat([frame, table], axis=1)


def write_predictions(path: Path, frame: pd.DataFrame) -> str:
    """Write a frame, whole or not at all, the same rows always as the same bytes.

    Returns:
        The SHA-256 of the file, as hex.
    """
    frame = frame.sort_values(["member", "fold", "id"], kind="stable", ignore_index=True)
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    with atomic_path(path) as beside:
        pq.write_table(table, beside, compression="zstd")
        return hashlib.sha256(beside.read_bytes()).hexdigest()


def read_predictions(path: Path) -> pd.DataFrame:
    """Read a frame back.

    Raises:
        DataError: no such file, or not a file of predictions.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file", remedy=f"Run `outfold {_stage(path)} {path.parent.name}` first.")
    try:
        frame = pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{path}: not a readable Parquet file ({error})", remedy="Remove it and run its stage."
        ) from None
    missing = [key for key in KEYS if key not in frame.columns]
    if missing:
        raise DataError(f"{path}: the columns {some(missing)} are missing; this is not a file of predictions")
    return frame


def _stage(path: Path) -> str:
    return "train" if path.name.startswith("oof") else "predict"


def outputs_of(frame: pd.DataFrame) -> list[str]:
    """The names of the outputs."""
    return [_output_name(column) for column in _columns(frame)]


def _columns(frame: pd.DataFrame) -> list[str]:
    """The columns that hold outputs."""
    return [str(name) for name in frame.columns if name not in KEYS]


def outputs_by_id(frame: pd.DataFrame) -> pd.DataFrame:
    """The outputs by their names, one row per row of the frame, indexed by id and in the frame's order."""
    return frame.set_index("id")[_columns(frame)].set_axis(outputs_of(frame), axis=1)


def members_of(frame: pd.DataFrame) -> list[str]:
    """The names of the members, sorted."""
    return sorted(frame["member"].unique())


def mean_by_id(frame: pd.DataFrame) -> pd.DataFrame:
    """One row an id: the mean over members, folds and repeats, indexed and sorted by id; outputs by name.

    Each output keeps its type, float32 or float64.
    """
    columns = _columns(frame)
    types = {name: "float64" if frame[name].dtype == np.float64 else "float32" for name in columns}
    if frame["id"].is_unique:
        return frame.set_index("id")[columns].astype(types).set_axis(outputs_of(frame), axis=1).sort_index()
    mean = frame.astype(dict.fromkeys(columns, "float64")).groupby("id", sort=True)[columns].mean()
    return mean.astype(types).set_axis(outputs_of(frame), axis=1)


def fold_by_id(frame: pd.DataFrame) -> pd.Series:
    """The fold that scored each id; the first one where the folds are repeated."""
    if frame["id"].is_unique:
        return frame.set_index("id")["fold"]
    return frame.groupby("id", sort=True)["fold"].min()


def stack(frames: Mapping[str, pd.DataFrame], *, what: str) -> tuple[pd.Index, list[str], np.ndarray]:
    """Line the members of several pipelines up by id.

    Args:
        frames: pipeline name to its frame.
        what: ``oof`` or ``test``, for messages.

    Returns:
        The ids (n,), the names ``pipeline/member`` (m,), and values (m, n, outputs): float32, or float64 where an
        output of a member is.

    Raises:
        MismatchError: the pipelines do not speak of the same rows or the same outputs.
    """
    names: list[str] = []
    layers: list[np.ndarray] = []
    first_name, first_ids, first_outputs = "", pd.Index([]), list[str]()
    for pipeline, frame in frames.items():
        for member in members_of(frame):
            values = mean_by_id(frame[frame["member"] == member])
            if not names:
                first_name, first_ids, first_outputs = pipeline, values.index, list(values.columns)
            if set(values.columns) != set(first_outputs):
                raise MismatchError(
                    f"{pipeline}: its {what} outputs are {some(values.columns)}; {first_name} has {some(first_outputs)}"
                )
            if not values.index.equals(first_ids):
                odd = values.index.symmetric_difference(first_ids)
                raise MismatchError(
                    f"{pipeline}/{member}: its {what} rows differ from those of {first_name} "
                    f"in {len(odd)} ids ({some(odd)})",
                    remedy="Train both on the same folds and data.",
                )
            names.append(f"{pipeline}/{member}")
            layers.append(float_table(values[first_outputs]))
    return first_ids, names, np.stack(layers)
