"""What to distrust about folds: classes too rare, groups and duplicates torn apart, folds of unequal weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from outfold.errors import some
from outfold.folds.alignment import by_id
from outfold.folds.strata import class_codes
from outfold.folds.table import NEVER_SCORED, Folds
from outfold.metrics import Task


def torn(folds: Folds, keys: pd.Series) -> pd.DataFrame:
    """The rows whose key is also the key of a row on the other side of some split.

    Args:
        folds: the folds.
        keys: by id; rows with a missing key are equal to no other.

    Returns:
        a frame with columns ``id`` and ``key``, one row an id, in the order of the training table.
    """
    frame = pd.DataFrame({"id": folds.frame["id"], "fold": folds.frame["fold"]})
    frame["repeat"] = frame["fold"].clip(lower=0) // folds.n
    frame["key"] = frame["id"].map(keys)
    frame = frame[frame["key"].notna()]
    sides = frame.groupby(["repeat", "key"], sort=False, observed=True)["fold"].transform("nunique")
    return frame.loc[sides > 1, ["id", "key"]].drop_duplicates("id").reset_index(drop=True)


def duplicates_across(folds: Folds, keys: pd.Series) -> list[str]:
    """A warning for rows with an equal key (a hash of the image's bytes) on both sides of a split, or nothing.

    Args:
        folds: the folds.
        keys: one key a row, indexed by id; a missing key is equal to no other.
    """
    rows = torn(folds, keys)
    if rows.empty:
        return []
    sets = [" = ".join(map(str, ids.iloc[:3])) for _, ids in rows.groupby("key", sort=False)["id"]]
    return [
        f"{len(rows)} rows are exact duplicates of rows across a split ({_count(len(sets), 'set')}): {some(sets, 3)}. "
        "Models are scored on what they have seen; put each set into one group (folds.group), or drop the copies."
    ]


def torn_groups(folds: Folds, groups: pd.Series) -> list[str]:
    """A warning for groups on both sides of a split, or nothing."""
    rows = torn(folds, groups)
    if rows.empty:
        return []
    names = rows["key"].unique()
    dated = folds.kind in ("time_series", "holdout")
    why = "the split is by date" if dated else f"kind {folds.kind} does not look at groups"
    advice = "" if dated or folds.kind == "column" else ": use kind group or stratified_group"
    return [
        f"{len(names)} of {_count(groups.nunique(), 'group')} have rows on both sides of a split, since {why}: "
        f"{some(names)}. If the test set holds other groups, scores will be too good{advice}."
    ]


def rare_classes(y: np.ndarray, task: Task, n: int, classes: Sequence[Any] | None) -> list[str]:
    """A warning naming the classes (or labels) with fewer rows than folds, or nothing."""
    if task == "regression":
        return []
    if y.ndim == 2:
        counts, names = (y != 0).sum(axis=0), np.arange(y.shape[1])
    else:
        codes, names = class_codes(y)
        counts = np.bincount(codes)
    told = [str(_name(names[i], classes)) for i in np.flatnonzero(counts < n)]
    numbers = counts[counts < n]
    if not told:
        return []
    listed = some(f"{name} ({count})" for name, count in zip(told, numbers, strict=True))
    return [
        f"fewer rows than the {n} folds in {_count(len(told), 'label' if y.ndim == 2 else 'class')}: {listed}. "
        "Some folds score none of them."
    ]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 'es' if what.endswith('s') else 's'}"


def _name(value: Any, classes: Sequence[Any] | None) -> Any:
    """A code's class, where the classes are given and the truth is made of codes."""
    return classes[int(value)] if classes is not None and isinstance(value, (int, np.integer)) else value


def unlearnable(folds: Folds, y: np.ndarray, ids: pd.Index, classes: Sequence[Any] | None) -> list[str]:
    """A warning for classes that a fold scores and no row of its training part shows, or nothing."""
    codes, names = class_codes(y)
    code = folds.frame["id"].map(pd.Series(codes, index=ids)).to_numpy()
    blind: dict[int, list[str]] = {}
    for fold in folds.numbers():
        unseen = np.setdiff1d(code[folds.valid_mask(fold)], code[folds.train_mask(fold)])
        if len(unseen):
            blind[fold] = [str(_name(names[i], classes)) for i in unseen]
    if not blind:
        return []
    told = "; ".join(f"fold {fold}: {some(missing, 3)}" for fold, missing in list(blind.items())[:3])
    return [f"classes that are scored but not in the training rows, in {_count(len(blind), 'fold')} ({told})."]


def one_sided(folds: Folds, y: np.ndarray, ids: pd.Index) -> list[str]:
    """A warning for folds whose scored rows are all of one class (AUC has no value there), or nothing."""
    code = folds.frame["id"].map(pd.Series(class_codes(y)[0], index=ids)).to_numpy()
    alike = [fold for fold in folds.numbers() if len(np.unique(code[folds.valid_mask(fold)])) < 2]
    if not alike:
        return []
    return [f"all scored rows are of one class in {_count(len(alike), 'fold')}: {some(alike)}. AUC has no value there."]


def uneven(folds: Folds) -> list[str]:
    """A warning when the largest fold has more than twice the rows of the smallest, or nothing."""
    sizes = folds.frame.loc[folds.frame["fold"] != NEVER_SCORED, "fold"].value_counts()
    if sizes.max() <= 2 * sizes.min() or sizes.max() - sizes.min() < 3:
        return []
    return [
        f"folds are uneven: fold {sizes.idxmax()} scores {sizes.max()} rows, fold {sizes.idxmin()} only {sizes.min()}; "
        "read the scores per fold with that in mind."
    ]


def suspicions(
    folds: Folds,
    ids: pd.Index,
    y: np.ndarray | None,
    task: Task,
    groups: pd.Series | None,
    classes: Sequence[Any] | None,
) -> list[str]:
    """Every warning about these folds, in plain words."""
    found: list[str] = []
    if y is not None and folds.kind != "holdout":
        found += rare_classes(y, task, folds.n, classes)
    if y is not None and y.ndim == 1 and task in ("binary", "multiclass", "ordinal"):
        found += unlearnable(folds, y, ids, classes)
        found += one_sided(folds, y, ids)
    if groups is not None:
        found += torn_groups(folds, pd.Series(by_id(groups, ids, "groups"), index=ids))
    return found + uneven(folds)
