"""What every stage has at hand: the contest, its hashes, and someone to report to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import outfold
from outfold.config.competition import CompetitionConfig
from outfold.config.image_features import Backbone
from outfold.config.load import load_blend, load_competition, load_pipeline
from outfold.config.pipeline import BlendConfig, ImagePipeline, ImportedPipeline, ModelPipeline
from outfold.config.table_pipeline import TablePipelineBase
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.errors import ConfigError, is_utf8, nearest, quoted, some
from outfold.folds import Folds
from outfold.hooks import Hooks
from outfold.learners.registry import revision
from outfold.progress import Reporter
from outfold.runs.dependencies import lineage
from outfold.runs.out_of_date import OutOfDateError
from outfold.store.fingerprint import file_sha256, fingerprint
from outfold.store.folds_file import folds_fingerprint, read_folds
from outfold.store.input_hashes import data_hash, outside_inputs
from outfold.store.paths import BLEND, Layout
from outfold.store.paths import command as command
from outfold.store.pipeline_names import check_name
from outfold.store.stamps import contest_files, states

# keys of the contest that no model depends on; of the folds, the split's own hash and the columns that it takes from
# the features are what counts
_NOT_FOR_MODELS: dict[str, Any] = {
    **dict.fromkeys(("host", "slug", "solution", "sample_submission", "submission", "metric", "folds"), True),
    "targets": {"__all__": {"metric", "weight"}},
}
_TAKEN_BY_FOLDS = {"group", "date", "column"}


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
            hooks=self.hooks_hash if self._hooks_make_columns() else None,
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

    def fit_fingerprint(self, config: ModelPipeline) -> str:
        """What a pipeline's models are made of; the toolkit enters by the learner's revision alone.

        Only what the files say counts, not the defaults: a key that a later version adds retrains nothing.
        """
        contest = self.competition
        apart = _NOT_FOR_MODELS | ({} if isinstance(config, TablePipelineBase) else {"features": True})
        return fingerprint(
            contest=contest.model_dump(mode="json", exclude=apart, exclude_defaults=True),
            reserved=contest.folds.model_dump(mode="json", include=_TAKEN_BY_FOLDS, exclude_defaults=True),
            pipeline=config.fit_key(),
            weights=self.weights_hash(config),
            data=self.data_hash,
            folds=self.folds.hash,
            hooks=self.hooks_hash if self._hooks_make(config) else None,
            revision=revision(config),
            **self._learnt_from(config),
            **self._judged_by(config),
        )

    def _learnt_from(self, config: ModelPipeline) -> dict[str, dict[str, str]]:
        """The hashes of what a pipeline learns from others; without that, fingerprints are what they always were."""
        from outfold.runs.provenance import network_hashes, vector_hashes
        from outfold.runs.pseudo_labels import teachers_of

        teachers, network = teachers_of(self, config), config.sees_through()
        taught = {} if teachers is None else {"teachers": teachers.hashes}
        if isinstance(config, TablePipelineBase) and config.vectors:
            taught["vectors"] = vector_hashes(self, config.vectors)
        return taught if network is None else {**taught, "networks": network_hashes(self, network)}

    def _hooks_make_columns(self) -> bool:
        """Whether another hooks.py makes other columns of the tables."""
        return Hooks(self.layout.hooks, self.layout.inputs).has("features")

    def _hooks_make(self, config: ModelPipeline) -> bool:
        """Whether another hooks.py makes other models."""
        of_contest = any(entry.function is not None for entry in self.competition.features)
        called = config.calls_hooks() or (of_contest and isinstance(config, TablePipelineBase))
        return called or self._hooks_make_columns()

    def _judged_by(self, config: ModelPipeline) -> dict[str, Any]:
        """The contest's metric, where models depend on it; elsewhere fingerprints are what they always were."""
        if not config.watches_the_metric():
            return {}
        return {"metrics": self._metrics(), "metric_hooks": self._metric_hooks_hash()}

    def _metrics(self) -> list[str | None]:
        contest = self.competition
        return [contest.metric, *(one.metric for one in contest.targets.values())]

    def _metric_hooks_hash(self) -> str | None:
        """The hash of hooks.py where a metric is a function of it."""
        own = any(name is not None and name.startswith("hooks") for name in self._metrics())
        return self.hooks_hash if own else None

    def weights_file(self, config: ModelPipeline) -> Path | None:
        """The file of weights that a pipeline names, relative to the contest folder; None where it names none."""
        source = config.image_features.backbone if isinstance(config, TablePipelineBase) else config
        if not isinstance(source, ImagePipeline | Backbone) or source.weights in ("none", "pretrained"):
            return None
        return Path(source.weights)

    def weights_hash(self, config: ModelPipeline) -> str | None:
        """SHA-256 of a file of weights: another file under the same name is another model."""
        source = self.weights_file(config)
        path = None if source is None else self.root / source
        return file_sha256(path) if path is not None and path.is_file() else None

    def inference_fingerprint(self, config: ModelPipeline, fit: str) -> str:
        """What its predictions are made of, beside the models, whose fingerprint ``fit`` is."""
        return fingerprint(fit=fit, inference=config.inference_key())

    def scoring_fingerprint(self, inference: str) -> str:
        """What its scores are made of."""
        targets = {name: one.model_dump(mode="json") for name, one in self.competition.targets.items()}
        several = {"targets": targets} if targets else {}
        return fingerprint(
            inference=inference, metric=self.competition.metric, hooks=self._metric_hooks_hash(), **several
        )


def _later_keys(config: CompetitionConfig) -> dict[str, Any]:
    """Keys of the contest that say more of the target or the rows; a contest without them keeps its split."""
    said = config.model_dump(
        mode="json", include={"order", "targets", "train_id", "train_where"}, exclude_defaults=True
    )
    times = {key: value for key in ("span", "gap") if (value := getattr(config.folds, key)) is not None}
    return {**({"asked": said} if said else {}), **times}
