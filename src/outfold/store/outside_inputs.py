"""Files and folders named by the contest file that lie outside the walk through inputs/."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

from outfold.config.competition import CompetitionConfig, ImageSource
from outfold.errors import ConfigError, quoted


def image_folder(template: str) -> str:
    """The folder that all images of a template lie below: what stands before its first brace; empty for inputs/."""
    return template.partition("{")[0].rpartition("/")[0] if "{" in template else ""


def outside_inputs(config: CompetitionConfig, inputs: Path) -> list[str]:
    """What the contest file names outside inputs/ (``../train.csv``, an absolute path) or hidden in it, sorted.

    These are part of the data and are hashed with it.

    Raises:
        ConfigError: a folder that holds inputs/ itself: everything would be data, results too.
    """
    named = {"train": config.train, "test": config.test, "sample_submission": config.sample_submission}
    source = config.columns.image
    templates = [source.train, source.test] if isinstance(source, ImageSource) else [source] if source else []
    outside: set[str] = set()
    for key, name in [*named.items(), *(("columns.image", image_folder(template)) for template in templates)]:
        if not name:
            continue
        path = inputs / name
        _check_name(key, name, path)
        if _is_met(inputs, name):
            continue
        if path.is_dir() and inputs.resolve().is_relative_to(path.resolve()):
            raise ConfigError(
                f"competition/competition.yaml: {key}: {quoted(name)} is a folder with inputs/ itself in it",
                remedy="Name the file, or a folder that holds nothing but the data.",
            )
        outside.add(name)
    return sorted(outside)


def _check_name(key: str, name: str, path: Path) -> None:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"competition/competition.yaml: {key}: {quoted(name)} cannot name a file ({reason})"
        ) from None


def _is_met(inputs: Path, name: str) -> bool:
    """Whether the walk through inputs/, which leaves hidden files out, comes by this path."""
    parts = PurePath(os.path.normpath(name)).parts
    if PurePath(name).is_absolute() or any(part.startswith(".") for part in parts if part != "."):
        return False
    # behind a link, .. leads elsewhere than the name says
    return ".." not in PurePath(name).parts or (inputs / name).resolve() == (inputs / os.path.normpath(name)).resolve()
