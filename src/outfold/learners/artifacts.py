"""What a learner notes of a trained fold, beside its models: a file of JSON on the fold's shelf."""

from __future__ import annotations

import io
import json
import sys
import warnings
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from outfold.learners.explain.importance import write_shares
from outfold.progress import Reporter
from outfold.store.damage import damaged
from outfold.store.fold_dir import Shelf

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


MODELS = "models.joblib"
MOVED_MODULES = {"outfold.learners.sklearn.together": "outfold.learners.sklearn.multi_output"}
"""Modules of pickled classes, by the name that they had in earlier versions."""


def put_models(shelf: Shelf, models: list[Any], library: str) -> str:
    """Leave them on the shelf; and the library with its version, for :func:`models_of`."""
    import joblib

    buffer = io.BytesIO()
    joblib.dump(models, buffer, compress=3)
    shelf.put(MODELS, buffer.getvalue())
    return _named(library)


def models_of(shelf: Shelf, made_with: str, name: str, reporter: Reporter) -> list[Any]:
    """What :func:`put_models` left; that the library has another version now is told.

    Args:
        made_with: what :func:`put_models` gave.
        name: of the pipeline, for messages.
    """
    import joblib

    now = _named(made_with.partition(" ")[0])
    if made_with != now:
        reporter.warn(
            f"{name}: trained with {made_with}, and this is {now}: predictions may differ; without {shelf.folder}, "
            f"`outfold train {name}` trains again"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = shelf.read(MODELS)  # compared with its hash: a pickle can run any code
        for old, new in MOVED_MODULES.items():
            sys.modules.setdefault(old, import_module(new))
        try:
            return list(joblib.load(io.BytesIO(data)))
        except Exception as error:  # whatever the bytes stumble over; a file without a hash may be cut
            raise damaged(shelf.path(MODELS), f"damaged ({type(error).__name__}: {error})") from None


def _named(library: str) -> str:
    return f"{library} {version(library)}"
