"""What is wrong with the images of a contest, as a table: junk, duplicates, and what the duplicates contradict."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.data.images.inspect import Looks
from outfold.data.images.near_duplicates import groups_of, near_pairs

COLUMNS = ["finding", "part", "id", "label", "fold", "file", "group", "detail"]
JUNK = ("unreadable", "tiny", "one colour", "not an image")
"""Findings that make a file worthless by itself."""
CONTRADICTIONS = ("label conflict", "train and test", "across folds")
"""What may be wrong with a group of duplicates; said in ``detail``."""

FLAT = 4.0
"""An image whose colours all deviate less than this from their mean, of 255, is nearly one colour."""


def find(images: pd.DataFrame, looks: Looks) -> pd.DataFrame:
    """The findings, one row an image and finding; the columns are ``COLUMNS``.

    Args:
        images: columns part (train or test), id, label (text, missing in test), fold (missing where there is none)
            and file.
        looks: of the same files, in the same order.

    Returns:
        Junk first, then groups of exact duplicates (the same bytes), then those of near ones (hash and small copy
        alike). A group has a number, the same in each of its rows, and ``detail`` says whether its labels differ,
        and whether it reaches over train and test or over folds. Junk is in no group.
    """
    kinds, details = _junk(looks)
    junk = images.assign(finding=kinds, group=None, detail=details)[kinds != ""]
    good = np.flatnonzero(kinds == "")
    exact = pd.factorize(np.array(looks.contents, dtype=object)[good])[0]
    # of exact copies the first is compared with the others
    first = good[np.unique(exact, return_index=True)[1]]
    pairs = near_pairs(looks.hashes[first], looks.thumbs[first])
    near = groups_of(len(first), pairs)[exact]
    found, number = [junk], 1
    for kind, group in (("exact duplicate", exact), ("near duplicate", near)):
        rows = _groups(images.iloc[good], kind, group, exact if kind == "near duplicate" else None, number)
        number += rows["group"].nunique()
        found.append(rows)
    order = {kind: place for place, kind in enumerate([*JUNK, "exact duplicate", "near duplicate"])}
    table = pd.concat([part[COLUMNS].astype(object) for part in found], ignore_index=True)
    return table.sort_values("finding", key=lambda values: values.map(order), kind="stable", ignore_index=True)


def spare_copies(findings: pd.DataFrame) -> pd.Series:
    """Which findings are exact copies of an earlier training image with the same label (boolean, by row).

    Where the labels of a group differ, none of its images is spare: a person must say which label is right.
    """
    exact = (findings["finding"] == "exact duplicate") & (findings["part"] == "train")
    clear = exact & ~findings["detail"].str.contains("label conflict")
    return clear & findings["group"].where(clear).duplicated()


def _junk(looks: Looks) -> tuple[NDArray[np.object_], list[str]]:
    """The kind of junk that each file is (empty: none), and the reason."""
    shorter = np.minimum(looks.widths, looks.heights)
    readable = looks.readable
    usual = float(np.median(shorter[readable])) if readable.any() else 0.0
    # an icon among photos, or a web page's pixel; but a contest of 32-pixel images is one
    least = max(8.0, min(32.0, usual / 8))
    kinds = np.full(len(shorter), "", dtype=object)
    kinds[looks.spreads < FLAT] = "one colour"
    kinds[shorter < least] = "tiny"
    kinds[~readable] = "unreadable"
    said = {
        "one colour": lambda row: f"colours deviate by {looks.spreads[row]:.1f} of 255",
        "tiny": lambda row: f"{looks.widths[row]} x {looks.heights[row]} pixels",
        "unreadable": lambda row: looks.problems[row],
        "": lambda row: "",
    }
    return kinds, [str(said[kind](row)) for row, kind in enumerate(kinds)]


def _groups(
    images: pd.DataFrame, kind: str, group: NDArray[np.int64], exact: NDArray[np.int64] | None, first: int
) -> pd.DataFrame:
    """The rows of groups of two and more; with ``exact``, only of groups that are not one set of exact copies."""
    rows = images.assign(finding=kind, group=group, detail="")
    distinct = (
        rows.groupby("group")["file"].transform("size")
        if exact is None
        else (pd.Series(exact, index=rows.index).groupby(group).transform("nunique"))
    )
    rows = rows[distinct > 1]
    if rows.empty:
        return rows
    by_group = rows.groupby("group")
    conflict = by_group["label"].transform("nunique") > 1
    leak = by_group["part"].transform("nunique") > 1
    torn = by_group["fold"].transform("nunique") > 1
    flags = [
        [name for name, said in zip(CONTRADICTIONS, row, strict=True) if said]
        for row in zip(conflict, leak, torn, strict=True)
    ]
    number = pd.factorize(rows["group"])[0] + first
    rows = rows.assign(detail=["; ".join(said) for said in flags], group=number)
    return rows.sort_values("group", kind="stable")
