"""Where everything lies in a contest folder: the one place that knows the paths."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from outfold.errors import ConfigError, nearest
from outfold.store.pipeline_names import BLEND, check_name, pipeline_files

__all__ = ["BLEND", "Layout", "command"]


@dataclass(frozen=True)
class Layout:
    """The paths under one contest's root."""

    root: Path

    @property
    def competition(self) -> Path:
        return self.root / "competition" / "competition.yaml"

    @property
    def hooks(self) -> Path:
        return self.root / "competition" / "hooks.py"

    @property
    def inputs(self) -> Path:
        return self.root / "inputs"

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def submissions(self) -> Path:
        return self.root / "submissions"

    @property
    def ledger(self) -> Path:
        return self.submissions / "ledger.csv"

    @property
    def data_manifest(self) -> Path:
        """Size and SHA-256 of every file in inputs/; what ``download`` leaves behind."""
        return self.artifacts / "data.json"

    @property
    def folds(self) -> Path:
        return self.artifacts / "folds.parquet"

    @property
    def cache(self) -> Path:
        return self.artifacts / "cache"

    @property
    def blend_config(self) -> Path:
        return self.root / "pipelines" / f"{BLEND}.yaml"

    def tune(self, name: str) -> Path:
        """What ``tune`` leaves of a pipeline: its trials, and pictures of them."""
        return self.artifacts / "tune" / name

    def pipeline_config(self, name: str) -> Path:
        return self.root / "pipelines" / f"{name}.yaml"

    def pipeline(self, name: str) -> Path:
        return self.artifacts / name

    def oof(self, name: str) -> Path:
        return self.artifacts / name / "oof.parquet"

    def test(self, name: str) -> Path:
        return self.artifacts / name / "test.parquet"

    def manifest(self, name: str) -> Path:
        return self.artifacts / name / "manifest.json"

    def fold(self, name: str, fold: int) -> Path:
        return self.artifacts / name / "folds" / str(fold)

    def submission(self, name: str) -> Path:
        return self.submissions / f"{name}.csv"

    def pipeline_names(self) -> list[str]:
        """Every model in ``pipelines/``, sorted; the blend is not one of them.

        Raises:
            ConfigError: a file there has a name that no pipeline may have.
        """
        return list(pipeline_files(self.root / "pipelines"))

    def chosen(self, names: list[str] | None) -> list[str]:
        """The pipelines named, or all.

        Raises:
            ConfigError: a name without a file (nearest names given), one that no pipeline may have, or no pipelines.
        """
        known = self.pipeline_names()
        if not known:
            raise ConfigError(
                f"{self.root / 'pipelines'}: no pipelines; expected one YAML file a model",
                remedy="`learner: gbdt` alone is a whole pipeline: write it to pipelines/lightgbm.yaml.",
            )
        for name in names or []:
            if name not in known:
                check_name(name, "PIPELINE")
                hint = nearest(name, known) or f"there are {', '.join(known)}"
                raise ConfigError(f"{self.pipeline_config(name)}: no such pipeline; {hint}")
        return list(dict.fromkeys(names)) if names else known


def command(root: Path, stage: str, *names: str) -> str:
    """The command that a person would type for a stage."""
    here = [] if root.resolve() == Path.cwd() else ["--root", os.path.relpath(root)]
    return shlex.join(["outfold", *here, stage, *names])


def maker(path: Path) -> str:
    """The command that makes a file in ``artifacts/`` again, by where the file lies."""
    parents = list(path.parents)
    depth = next((n for n, parent in enumerate(parents) if parent.name == "artifacts"), None)
    if depth is None:
        return "outfold train"
    root, parts = parents[depth].parent, path.relative_to(parents[depth]).parts
    if parts[0] == BLEND:
        return command(root, "ensemble")
    if parts[0] == "tune" and len(parts) > 1:
        return command(root, "tune", parts[1])
    if len(parts) == 1 or parts[0] == "cache":  # data.json, folds.parquet
        return command(root, "split" if parts[0].startswith("folds") else "download")
    return command(root, "predict" if parts[1:] == ("test.parquet",) else "train", parts[0])
