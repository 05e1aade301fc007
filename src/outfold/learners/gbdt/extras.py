"""The libraries that come with ``outfold[boosters]``."""

from __future__ import annotations

import importlib
from types import ModuleType

from outfold.errors import ConfigError


def load_extra(module: str, library: str) -> ModuleType:
    """The module.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise ConfigError(
            f"library: {library} is not installed here", remedy='Run `pip install "outfold[boosters]"`.'
        ) from None
