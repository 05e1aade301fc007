"""Fitted objects of other libraries on a fold's shelf: they have no other common form than pickle's."""

from __future__ import annotations

import io
import warnings
from importlib.metadata import version
from typing import Any

from outfold.progress import Reporter
from outfold.store.damage import damaged
from outfold.store.shelf import Shelf

MODELS = "models.joblib"


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
        try:
            return list(joblib.load(io.BytesIO(data)))
        except Exception as error:  # whatever the bytes stumble over; a file without a hash may be cut
            raise damaged(shelf.path(MODELS), f"damaged ({type(error).__name__}: {error})") from None


def _named(library: str) -> str:
    return f"{library} {version(library)}"
