"""Stamps: size and time of every file that a stage has read and written, kept beside its results for `make`.

Fingerprints decide whether a result is up to date, and computing them loads libraries. A stamp records the files as a
stage found them when it last made or confirmed its result. While no file differs in size or time, neither does the
fingerprint; where one does, the stage is run and decides. This module needs the standard library alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from outfold.store.atomic import write_json
from outfold.store.pipeline_names import BLEND, pipeline_files

FOLDER = Path("artifacts") / ".stages"
_REVISIONS = Path(__file__).resolve().parents[1] / "learners" / "revisions.json"
State = list[int] | None
"""Size in bytes and modification time in ns of a file; None for a missing one."""


def stamp_path(root: Path, stage: str, name: str = "") -> Path:
    """Where the stamp of a stage lies, of one pipeline for ``train`` and ``predict``."""
    return root / FOLDER / f"{stage}{'.' if name else ''}{name}.json"


def states(root: Path, paths: Iterable[str]) -> dict[str, State]:
    """The state of each file, by its path relative to the contest folder."""
    return {path: _state(root / path) for path in paths}


def contest_files(root: Path) -> list[str]:
    """The contest file and its Python files, by relative path."""
    hooks = sorted(path.relative_to(root).as_posix() for path in (root / "competition").glob("*.py"))
    return ["competition/competition.yaml", *hooks]


def inputs_of(root: Path, stage: str, name: str = "") -> list[str]:
    """The files that a stage reads beside the data and the results of other pipelines, by relative path."""
    contest, folds, pipeline = contest_files(root), "artifacts/folds.parquet", f"pipelines/{name}.yaml"
    return {
        "download": contest,
        "split": contest,
        "train": [*contest, pipeline, folds],
        "predict": [*contest, pipeline, folds],
        "ensemble": [*contest, folds, f"pipelines/{BLEND}.yaml", *_members(root)],
        "submit": contest,
    }[stage]


def outputs_of(stage: str, name: str = "") -> list[str]:
    """The files of a stage's result, by relative path; the manifest is one of the stage that writes it last."""
    own, blend = f"artifacts/{name}", f"artifacts/{BLEND}"
    return {
        "download": [],
        "split": ["artifacts/folds.parquet"],
        "train": [f"{own}/oof.parquet"],
        "predict": [f"{own}/manifest.json", f"{own}/test.parquet"],
        "ensemble": [f"{blend}/manifest.json", f"{blend}/oof.parquet", f"{blend}/test.parquet"],
        "submit": [f"{blend}/manifest.json", f"{blend}/test.parquet"],
    }[stage]


def read_stamp(root: Path, stage: str, name: str = "") -> dict[str, Any] | None:
    """The stamp; None where there is no whole one."""
    try:
        stamp = json.loads(stamp_path(root, stage, name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(stamp, dict) and isinstance(stamp.get("files"), dict)
    return stamp if whole else None


def is_unchanged(root: Path, stage: str, name: str = "", *, data: str | None) -> bool:
    """Whether no file differs from what the stage found when it last made or confirmed its result.

    Args:
        data: the hash of the data as data.json has it.
    """
    stamp = read_stamp(root, stage, name)
    if stamp is None or stamp.get("toolkit") != toolkit() or stamp.get("data") != data:
        return False
    known: Mapping[str, State] = stamp["files"]
    if not known.keys() >= {*inputs_of(root, stage, name), *outputs_of(stage, name)}:
        return False
    return states(root, known) == known and all((root / path).exists() for path in stamp.get("present", ()))


def toolkit() -> str:
    """Version of the toolkit and hash of the learners' revisions."""
    import outfold

    return f"{outfold.__version__} {hashlib.sha256(_REVISIONS.read_bytes()).hexdigest()[:16]}"


def write_stamp(root: Path, stage: str, name: str, stamp: Mapping[str, Any]) -> None:
    """Replace the stamp, whole or not at all."""
    write_json(stamp_path(root, stage, name), stamp)


def _members(root: Path) -> list[str]:
    results = ("manifest.json", "oof.parquet", "test.parquet")
    names = pipeline_files(root / "pipelines")
    files = [f"pipelines/{name}.yaml" for name in names]  # a pipeline that is removed is missed
    return [*files, *(f"artifacts/{name}/{file}" for name in names for file in results)]


def _state(path: Path) -> State:
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return None
    return [stat.st_size, stat.st_mtime_ns]
