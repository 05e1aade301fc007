"""The libraries that come with ``outfold[networks]``."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from outfold.errors import ConfigError


def load_network_library(module: str, model: str, where: object) -> ModuleType:
    """The module that a model of ``learner: tabular`` is in.

    Raises:
        ConfigError: it, or a library that it needs, is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{where}: model: {model} needs the library {error.name}, which is not installed here",
            remedy='Run `pip install "outfold[networks]"`.',
        ) from None


def load_extra(module: str, library: str, where: Path | None = None) -> ModuleType:
    """The module.

    Args:
        library: its name, for messages.
        where: the pipeline's file that asks for it.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise ConfigError(
            f"{where or 'a pipeline'}: library: {module}: {library} is not installed here",
            remedy='Run `pip install "outfold[boosters]"`.',
        ) from None
