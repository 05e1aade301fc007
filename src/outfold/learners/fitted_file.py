"""What a learner notes of a trained fold, beside its models: a file of JSON on the fold's shelf."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from outfold.learners.importance import write_shares
from outfold.store.shelf import Shelf

_FILE = "fitted.json"


def put_fitted(shelf: Shelf, facts: Mapping[str, Any]) -> None:
    """Keep them with the fold."""
    shelf.put(_FILE, (json.dumps(facts, indent=1) + "\n").encode("utf-8"))


def fitted_of(shelf: Shelf) -> dict[str, Any]:
    """What was put, back."""
    return dict(shelf.read_json(_FILE))


def write_fitted_shares(shelves: Mapping[int, Shelf], folder: Path, *, title: str) -> None:
    """Write ``importance.csv`` and ``importance.png`` of the ``shares`` of ``features`` that folds have noted.

    Nothing is written where no fold has noted any.
    """
    by_fold = {}
    for fold, shelf in shelves.items():
        facts = fitted_of(shelf)
        if facts["shares"] is not None:
            by_fold[fold] = pd.Series(facts["shares"], index=pd.Index(facts["features"], name="feature"))
    if by_fold:
        write_shares(by_fold, folder, title=title)
