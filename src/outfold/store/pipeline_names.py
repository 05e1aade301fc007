"""The rule for names of pipelines: safe in make, in every shell and on every file system."""

from __future__ import annotations

import re
from pathlib import Path

from outfold.errors import ConfigError

BLEND = "blend"
RULE = "A name has letters a to z, digits, '_', '-' and '.', begins and ends with none of '-' and '.', up to 64 in all"
_ALLOWED = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?", flags=re.ASCII)
_RESERVED = {
    BLEND: "it is the name of the blend",
    "cache": "artifacts/cache holds decoded inputs, and `make clean` removes it",
    "check": "artifacts/check holds the findings of `outfold check`",
    "tune": "artifacts/tune holds the trials of `outfold tune`",
    "con": "Windows has no such file",
    "nul": "Windows has no such file",
    "aux": "Windows has no such file",
    "prn": "Windows has no such file",
}
_SUFFIX = ".yaml"


def check_name(name: str, label: str) -> None:
    """Refuse a name that no pipeline may have.

    Args:
        label: what has the name, for the message: a file or an option.

    Raises:
        ConfigError: with the rule.
    """
    if not _ALLOWED.fullmatch(name) or name.lower().endswith((_SUFFIX, ".yml")):
        raise ConfigError(f"{label}: {_shown(name)} cannot be a pipeline's name", remedy=f"{RULE}.")
    reason = _RESERVED.get(name.lower())
    if reason is not None:
        raise ConfigError(f"{label}: {name!r} cannot be a pipeline's name: {reason}", remedy="Choose another name.")


def pipeline_files(folder: Path) -> dict[str, Path]:
    """The file of every model in ``pipelines/`` by name, sorted; hidden files and ``blend.yaml`` are left out.

    Raises:
        ConfigError: a file's name breaks the rule, or ends in ``.yml``; nothing of a folder with one is run.
    """
    files = {}
    for path in sorted(folder.glob("*")):
        if (
            path.name.startswith(".")
            or path.suffix.lower() not in (_SUFFIX, ".yml")
            or path.name == f"{BLEND}{_SUFFIX}"
        ):
            continue
        if path.suffix != _SUFFIX:
            raise ConfigError(
                f"{_shown_path(path)}: a pipeline's file ends in .yaml", remedy="Rename it, or move it away."
            )
        try:
            check_name(path.stem, _shown_path(path))
        except ConfigError as error:
            raise ConfigError(error.message, remedy=f"{error.remedy} Rename the file, or move it away.") from None
        files[path.stem] = path
    return files


def _shown(name: str) -> str:
    """The name in quotes, control characters escaped, cut where it is long."""
    return ascii(name) if len(name) <= 80 else f"{name[:80]!a}..."


def _shown_path(path: Path) -> str:
    name = path.name if path.name.isprintable() else ascii(path.name)
    return f"{path.parent}/{name}"
