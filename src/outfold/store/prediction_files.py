"""Reads ``oof.parquet`` and ``test.parquet`` of a pipeline, checked against its manifest, the split and the test set.

The hash in the manifest shows that a file is the one that its stage wrote. The rows are compared with the split and the
test set as well, so that a file and a manifest that were exchanged together are refused unless they fit this contest.
Every stage reads predictions here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from outfold.errors import DataError, some
from outfold.folds import Folds
from outfold.store.damage import damaged
from outfold.store.file_record import current_sha256
from outfold.store.manifest import Manifest
from outfold.store.paths import BLEND, Layout
from outfold.store.predictions import KEYS, output_column, outputs_of, read_predictions

EVERY_FOLD = -1
"""The fold of test predictions that belong to no single fold: those of a blend."""


def read_oof(layout: Layout, manifest: Manifest, folds: Folds) -> pd.DataFrame:
    """The out-of-fold predictions of a pipeline, checked against its manifest and the split.

    Returns:
        ``id``, ``fold``, ``member`` and a column per output; every row that a trained fold scores, once per member.

    Raises:
        DamagedError: the file's hash is not the manifest's, a field of a row cannot be, or its rows or folds are not
            those of ``artifacts/folds.parquet``.
    """
    path = layout.oof(manifest.pipeline)
    frame = _read(path, manifest, manifest.oof_sha256)
    numbers = folds.numbers()
    if len(manifest.trained) != len(numbers):
        raise damaged(
            layout.manifest(manifest.pipeline),
            f"{len(manifest.trained)} folds; artifacts/folds.parquet has {len(numbers)}",
            remove=True,
        )
    trained = [fold for fold, done in zip(numbers, manifest.trained, strict=True) if done]
    expected = folds.frame[folds.frame["fold"].isin(trained)]
    if manifest.pipeline == BLEND:  # a row is blended once, whatever the repeats
        expected = expected.groupby("id", sort=False)["fold"].min().reset_index()
    for member, rows in frame.groupby("member", sort=False):
        problem = row_differences(rows, expected)
        if problem:
            raise damaged(path, f"member {member}: {problem} of artifacts/folds.parquet", remove=True)
    return frame


def read_test(layout: Layout, manifest: Manifest, ids: pd.Index) -> pd.DataFrame:
    """The test predictions of a pipeline, checked against its manifest and the test set.

    Args:
        ids: of the contest's test rows.

    Returns:
        ``id``, ``fold``, ``member`` and a column per output; every test row once for each fold and member.

    Raises:
        DamagedError: the file's hash is not the manifest's, a field of a row cannot be, or its rows are not the test
            rows for each trained fold.
    """
    path = layout.test(manifest.pipeline)
    frame = _read(path, manifest, manifest.test_sha256)
    trained = {fold for fold, done in enumerate(manifest.trained) if done}
    found = set(frame["fold"].unique())
    if found not in ({EVERY_FOLD}, trained):
        raise damaged(path, f"predictions of fold {some(sorted(found))}; expected {some(sorted(trained))}", remove=True)
    expected = pd.DataFrame({"id": ids})
    for (fold, member), rows in frame.groupby(["fold", "member"], sort=False):
        problem = row_differences(rows, expected.assign(fold=rows["fold"].iloc[0]))
        if problem:
            raise damaged(path, f"fold {fold}, member {member}: {problem} of the test set", remove=True)
    if len(frame) != len(ids) * len(found) * len(manifest.members):
        raise damaged(path, "a fold lacks the predictions of a member", remove=True)
    return frame


def check_hashes(layout: Layout, manifest: Manifest) -> None:
    """Compare both files with the hashes in the manifest, without reading their rows.

    Raises:
        DamagedError: one is missing, or is another file.
    """
    _check_hash(layout.oof(manifest.pipeline), manifest.oof_sha256)
    _check_hash(layout.test(manifest.pipeline), manifest.test_sha256)


def _check_hash(path: Path, sha256: str) -> None:
    found = current_sha256(path)
    if found is None:
        raise damaged(path, "no such file")
    if found != sha256:
        raise damaged(path, f"its hash is not the one in {path.parent / 'manifest.json'}: it was changed or exchanged")


def _read(path: Path, manifest: Manifest, sha256: str) -> pd.DataFrame:
    _check_hash(path, sha256)
    try:
        frame = read_predictions(path)
    except DataError as error:
        raise damaged(path, error.message.removeprefix(f"{path}: "), remove=True) from None
    problem = _problem(frame, manifest)
    if problem:
        raise damaged(path, problem, remove=True)
    return frame


def _problem(frame: pd.DataFrame, manifest: Manifest) -> str:
    """What in the columns and cells cannot be; empty where all is well."""
    if frame.empty:
        return "no rows"
    if sorted(outputs_of(frame)) != sorted(manifest.outputs):
        return f"its outputs are {some(outputs_of(frame))}; the manifest has {some(manifest.outputs)}"
    return cell_problem(frame, manifest.outputs) or _member_problem(frame, manifest.members)


def cell_problem(frame: pd.DataFrame, outputs: Sequence[str]) -> str:
    """The first cell of predictions that cannot be: an empty key, text, a number that is not finite, a row twice."""
    for key in KEYS:
        missing = frame[key].isna()
        if missing.any():
            return f"{int(missing.sum())} rows have no {key}"
    if not pd.api.types.is_integer_dtype(frame["fold"]):
        return f"fold is {frame['fold'].dtype}; expected whole numbers"
    for output in outputs:
        values = frame[output_column(output)]
        if not pd.api.types.is_float_dtype(values):
            return f"the output {output!r} is {values.dtype}; expected float numbers"
        bad = ~np.isfinite(values.to_numpy())
        if bad.any():
            return f"the output {output!r} is not finite in {int(bad.sum())} rows (id {some(frame.loc[bad, 'id'])})"
    twice = frame.duplicated(list(KEYS))
    if twice.any():
        return f"{int(twice.sum())} rows are there twice (id {some(frame.loc[twice, 'id'].unique())})"
    return ""


def _member_problem(frame: pd.DataFrame, members: Sequence[str]) -> str:
    found = set(frame["member"].unique())
    return "" if found == set(members) else f"its members are {some(found)}; the manifest has {some(members)}"


def row_differences(rows: pd.DataFrame, expected: pd.DataFrame) -> str:
    """How (id, fold) pairs differ from the expected ones, in words; empty where they are the same."""
    pairs, wanted = (_sorted(frame) for frame in (rows, expected))
    if len(pairs) == len(wanted) and all(_equal(pairs[key], wanted[key]) for key in ("id", "fold")):
        return ""
    odd = pd.Index(pairs["id"].unique()).symmetric_difference(wanted["id"].unique(), sort=False)
    if len(odd):
        return f"{len(odd)} ids ({some(odd)}) differ from those"
    both = pairs.merge(wanted, on=["id", "fold"], how="outer", indicator=True)
    moved = both.loc[both["_merge"] != "both", "id"].unique()
    return f"{len(moved)} rows ({some(moved)}) have another fold than those"


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[["id", "fold"]].sort_values(["fold", "id"], ignore_index=True)


def _equal(left: pd.Series, right: pd.Series) -> bool:
    return bool(np.array_equal(left.to_numpy(), right.to_numpy()))
