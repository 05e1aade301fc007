"""What a library's trees are grown with where a pipeline's ``params`` says nothing."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def default_params(library: str) -> dict[str, Any]:
    """By the library's own main names.

    Args:
        library: as ``library`` in a pipeline names it.
    """
    return dict(import_module(f"outfold.learners.gbdt.{library}_params").DEFAULTS)
