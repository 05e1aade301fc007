"""The learner that a pipeline names, and its revision; each is imported where it is used."""

from __future__ import annotations

import json
from importlib import resources

from outfold.config.competition import Task
from outfold.config.gbdt import GbdtPipeline
from outfold.config.pipeline import ImagePipeline, LinearPipeline, ModelPipeline, SklearnPipeline
from outfold.config.pipeline_base import Pseudo
from outfold.config.tabular import TabularPipeline
from outfold.contest import Contest
from outfold.errors import ConfigError
from outfold.learners.base import Learner
from outfold.progress import Reporter


def check_pseudo(pseudo: Pseudo | None, task: Task, where: str) -> None:
    """Raises ConfigError for pseudo-labels that the contest's task has no use for."""
    if pseudo is None:
        return
    if task == "multitask":
        raise ConfigError(f"{where}: pseudo: is for one target or several of one kind; this contest's task is {task}")
    if task != "regression":
        return
    if pseudo.share is None:
        raise ConfigError(
            f"{where}: pseudo: numbers have no confidence to choose test rows by",
            remedy="Say share: 0.5 for the half of them on which the teachers' members differ least.",
        )
    if pseudo.labels == "hard":
        raise ConfigError(f"{where}: pseudo: labels: hard is for classes; this contest's task is {task}")


def revision(config: ModelPipeline) -> int:
    """The revision number of a pipeline's learner; its author raises it when its results would differ.

    Where they differ for one family of networks alone, that family has a number of its own.
    """
    text = resources.files("outfold.learners").joinpath("revisions.json").read_text(encoding="utf-8")
    numbers = json.loads(text)
    if isinstance(config, ImagePipeline) and config.model.startswith("vgg"):
        return int(numbers["image vgg"])
    return int(numbers[config.learner])


def _computes_in_float32(config: ModelPipeline) -> bool:
    """Whether a target far from zero must be moved near it, which scikit-learn's learner does by itself.

    An objective that a pipeline names may need the target where it is.
    """
    if isinstance(config, GbdtPipeline):
        return config.objective is None and not {"objective", "loss_function", "application", "app"} & set(
            config.params
        )
    return not isinstance(config, SklearnPipeline)


def make_learner(contest: Contest, config: ModelPipeline, name: str, reporter: Reporter) -> Learner:
    """The learner that a pipeline's configuration asks for.

    Raises:
        ConfigError: keys that the contest's task has no use for.
    """
    where = contest.layout.pipeline_config(name)
    check_pseudo(config.taught(), contest.task, str(where))
    if config.by_fold:
        from outfold.learners.wrappers.per_fold import ByFold

        return ByFold(config, lambda own: make_learner(contest, own, name, reporter), where)
    if config.target_transform is not None:
        from outfold.learners.wrappers.target_transform import Transformed, as_learnt

        learnt, own, scales = as_learnt(contest, config, where)
        return Transformed(make_learner(learnt, own, name, reporter), scales)
    if contest.precise_outputs and _computes_in_float32(config):
        from outfold.learners.wrappers.target_transform import Transformed, centred

        learnt, own, scales = centred(contest, config, where)
        if learnt.precise_outputs < contest.precise_outputs:  # what is tiny stays so wherever it is moved
            return Transformed(make_learner(learnt, own, name, reporter), scales)
    if isinstance(config, ImagePipeline):
        from outfold.learners.image.learner import ImageLearner

        return ImageLearner(contest, config, name, reporter)
    if isinstance(config, TabularPipeline) and config.model != "realmlp":
        from outfold.learners.tabular.learner import TabularLearner

        return TabularLearner(contest, config, name, reporter)
    if contest.task == "multitask":
        from outfold.learners.wrappers.per_target import ByTarget

        return ByTarget(contest, lambda one: make_learner(one, config, name, reporter))
    if isinstance(config, TabularPipeline):
        from outfold.learners.realmlp.learner import RealMlpLearner

        return RealMlpLearner(contest, config, name, reporter)
    if isinstance(config, LinearPipeline):
        from outfold.learners.linear.learner import LinearLearner

        return LinearLearner(contest, config, name, reporter)
    if isinstance(config, SklearnPipeline):
        from outfold.learners.sklearn.learner import SklearnLearner

        return SklearnLearner(contest, config, name, reporter)
    from outfold.learners.gbdt.learner import GbdtLearner

    return GbdtLearner(contest, config, name, reporter)
