"""What every stage has at hand: the contest, its hashes, and someone to report to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import outfold
from outfold.config.competition import CompetitionConfig
from outfold.config.load import load_blend, load_competition, load_pipeline
from outfold.config.pipeline import BlendConfig, ImportedPipeline, ModelPipeline
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.errors import ConfigError, is_utf8, nearest, quoted, some
from outfold.folds import Folds
from outfold.hooks import Hooks
from outfold.progress import Reporter
from outfold.runs.dependencies import lineage
from outfold.runs.out_of_date import OutOfDateError
from outfold.store.fingerprint import file_sha256, fingerprint
from outfold.store.folds_file import folds_fingerprint, read_folds
from outfold.store.input_hashes import data_hash
from outfold.store.outside_inputs import outside_inputs
from outfold.store.paths import BLEND, Layout
from outfold.store.paths import command as command
from outfold.store.pipeline_names import check_name
from outfold.store.stamps import contest_files, states


@dataclass
class Context:
    """One contest folder, opened for a stage.

    Attributes:
        read_only: write no file, not even the hashes of new files in inputs/.
    """

    root: Path
    reporter: Reporter = field(default_factory=Reporter)
    read_only: bool = False

    def __post_init__(self) -> None:
        self.root = Path(self.root)
        if not is_utf8(str(self.root)):
            raise ConfigError(
                f"--root {quoted(str(self.root))}: the name of a folder holds bytes that are no UTF-8",
                remedy="Rename the folder.",
            )
        self.layout = Layout(self.root)
        self.contest_states = states(self.root, contest_files(self.root))

    @property
    def version(self) -> str:
        return outfold.__version__

    @cached_property
    def competition(self) -> CompetitionConfig:
        return load_competition(self.layout.competition)

    @cached_property
    def contest(self) -> Contest:
        return load_contest(self.root, self.competition)

    def warn_of_the_data(self) -> None:
        """Tell what reading the contest has found; the stages that look at the data first do."""
        for warning in self.contest.warnings:
            self.reporter.warn(warning)

    @cached_property
    def data_hash(self) -> str:
        layout = self.layout
        outside = outside_inputs(self.competition, layout.inputs)
        return data_hash(layout.inputs, layout.data_manifest, self.reporter, outside=outside, write=not self.read_only)

    @cached_property
    def hooks_hash(self) -> str | None:
        return file_sha256(self.layout.hooks) if self.layout.hooks.exists() else None

    @cached_property
    def folds(self) -> Folds:
        """The split, where it is what ``split`` would make now.

        Raises:
            DataError: there is none, or it is damaged.
            OutOfDateError: it was made of another contest, data or hooks.
        """
        folds = read_folds(self.layout.folds)
        if folds_fingerprint(self.layout.folds) != self.split_fingerprint:
            raise OutOfDateError(
                self.root,
                f"{self.layout.folds}: the split was made before the contest, inputs/ or hooks.py changed",
                {"split": []},
            )
        return folds

    @property
    def split_fingerprint(self) -> str:
        """What the split is made of."""
        config = self.competition
        keys = {"train", "id", "target", "task", "columns", "tag_separator"}
        return fingerprint(
            folds=config.folds.model_dump(mode="json", exclude={"span", "gap"}),
            contest=config.model_dump(mode="json", include=keys),
            **_later_keys(config),
            data=self.data_hash,
            on_bad_image=config.on_bad_image,
            hooks=self.hooks_hash if self.hooks_make_columns() else None,
        )

    def checked_fold(self, fold: int) -> int:
        """The fold's number, if the split has it.

        Raises:
            ConfigError: it has not.
        """
        numbers = self.folds.numbers()
        if fold not in numbers:
            raise ConfigError(f"--fold {fold}: the split has the folds {numbers[0]} to {numbers[-1]}")
        return fold

    def model_config(self, name: str) -> ModelPipeline:
        """The configuration of one pipeline.

        Raises:
            ConfigError: a name that no pipeline may have, or a file that asks for a blend under another name than
                blend.yaml, or learns from a pipeline that is not there or that learns from it.
        """
        if name != BLEND:
            check_name(name, "PIPELINE")
        config = load_pipeline(self.layout.pipeline_config(name))
        if isinstance(config, BlendConfig):
            raise ConfigError(
                f"{self.layout.pipeline_config(name)}: a blend is described in pipelines/blend.yaml alone"
            )
        if isinstance(config, ImportedPipeline):
            raise ConfigError(
                f"{self.layout.pipeline_config(name)}: learner: imported: these are predictions without a model",
                remedy="Name a pipeline that is trained here.",
            )
        lineage(self.layout, name)
        return config

    def blend_config(self) -> BlendConfig:
        """``pipelines/blend.yaml``, or the default where it is left out.

        Raises:
            ConfigError: the file describes a model, or is wrong.
        """
        path = self.layout.blend_config
        config = load_blend(path) if path.exists() else BlendConfig()
        known = self.layout.pipeline_names()
        for name in config.pipelines or ():
            if name not in known:
                hint = nearest(name, known) or f"there are {some(known)}"
                raise ConfigError(f"{path}: pipelines: no such pipeline {name!r}; {hint}")
        return config

    def hooks_make_columns(self) -> bool:
        """Whether another hooks.py makes other columns of the tables."""
        return Hooks(self.layout.hooks, self.layout.inputs).has("features")


def _later_keys(config: CompetitionConfig) -> dict[str, Any]:
    """Keys of the contest that say more of the target or the rows; a contest without them keeps its split."""
    said = config.model_dump(
        mode="json", include={"order", "targets", "train_id", "train_where"}, exclude_defaults=True
    )
    times = {key: value for key in ("span", "gap") if (value := getattr(config.folds, key)) is not None}
    return {**({"asked": said} if said else {}), **times}
