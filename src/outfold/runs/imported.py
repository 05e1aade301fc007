"""Pipelines of imported predictions: their files, and whether these are current."""

from __future__ import annotations

import os
from pathlib import Path

from outfold.config.imported import ImportedPipeline
from outfold.config.load import load_pipeline
from outfold.errors import MismatchError
from outfold.runs.context import Context, command
from outfold.runs.scoring import rescored
from outfold.runs.stage_stamps import Stamp
from outfold.store.damage import DamagedError
from outfold.store.fingerprint import fingerprint
from outfold.store.lock import only_writer
from outfold.store.manifest import Manifest, read_manifest
from outfold.store.prediction_files import check_hashes


def imported(context: Context, name: str) -> ImportedPipeline | None:
    """The configuration of an imported pipeline; None for one that is trained."""
    path = context.layout.pipeline_config(name)
    config = load_pipeline(path) if path.exists() else None
    return config if isinstance(config, ImportedPipeline) else None


def current_import(context: Context, name: str, config: ImportedPipeline) -> Manifest:
    """The manifest of imported predictions that belong to the data and folds of now.

    Raises:
        MismatchError: they were never imported here, or belong to other data or folds; with the command.
        DamagedError: a file is not what was written.
    """
    again = command(context.root, "import", name, *arguments(context.root, config))
    try:
        manifest = read_manifest(context.layout.manifest(name))
        if manifest is not None:
            check_hashes(context.layout, manifest)
    except DamagedError as error:
        remedy = error.remedy or ""
        for stage in ("train", "predict"):
            remedy = remedy.replace(command(context.root, stage, name), again)
        raise DamagedError(error.message, remedy=remedy) from None
    if manifest is None or manifest.learner != "imported":
        raise MismatchError(f"{name}: its predictions are not imported yet", remedy=f"Run `{again}` first.")
    for label, before, now in (
        ("folds", manifest.folds_hash, context.folds.hash),
        ("data", manifest.data_hash, context.data_hash),
    ):
        if before != now:
            raise MismatchError(
                f"{name}: its imported predictions belong to other {label} ({before[:12]}) than there are now "
                f"({now[:12]})",
                remedy=f"Have them made on the {label} of now, then run `{again}`.",
            )
    return manifest


def leave_alone(context: Context, name: str, config: ImportedPipeline, stage: str) -> Manifest:
    """What ``train`` and ``predict`` do with imported predictions: look whether they are current, and score them again.

    Raises:
        MismatchError, DamagedError: as :func:`current_import`.
    """
    with only_writer(context.layout.pipeline(name)):
        stamp = Stamp(context, stage, name)
        manifest = rescored(context, name, current_import(context, name, config))
        stamp.write(present=[f"artifacts/{name}/manifest.json"])
    context.reporter.note(f"{stage} {name}: imported ({manifest.metric} {manifest.score:.5f}); nothing to {stage}")
    return manifest


def arguments(root: Path, config: ImportedPipeline) -> list[str]:
    """The options of the import that wrote a configuration."""
    paths = [os.path.relpath(root / source) for source in (config.oof, config.test)]
    return ["--oof", paths[0], "--test", paths[1], *(["--same-folds"] if config.same_folds else [])]


def import_fingerprint(context: Context, *sources: str) -> str:
    return fingerprint(sources=sources, folds=context.folds.hash, data=context.data_hash)


def relative_path(path: Path, root: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()
