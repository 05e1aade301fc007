"""Pipelines that have a network: what the stages that look at it before training ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outfold.config.image import ImagePipeline
from outfold.config.neural import NeuralPipeline
from outfold.config.tabular import TabularPipeline
from outfold.errors import ConfigError
from outfold.runs.context import Context

if TYPE_CHECKING:
    from outfold.learners.image.learner import ImageLearner
    from outfold.learners.tabular.learner import TabularLearner
    from outfold.learners.wrappers.target_transform import Scales


def neural_learner(
    context: Context, name: str, what: str, fold: int | None = None
) -> tuple[ImageLearner | TabularLearner, Scales]:
    """The learner of a pipeline that has a network, of the targets as it learns them, and how it learns them.

    Args:
        what: it is needed for.
        fold: whose keys, where they differ (``by_fold``).

    Raises:
        ConfigError: the pipeline has no network.
    """
    from outfold.learners.wrappers.target_transform import as_learnt

    config = context.model_config(name)
    where = context.layout.pipeline_config(name)
    if not isinstance(config, NeuralPipeline):
        raise ConfigError(f"{where}: learner: {config.learner} has no network, so there is no {what}")
    if not config.by_engine:
        raise ConfigError(f"{where}: its network is trained by its authors' library, so there is no {what}")
    if config.by_fold and fold is not None:
        config = config.for_fold(fold)
    contest, config, scales = as_learnt(context.contest, config, where)
    if isinstance(config, TabularPipeline):
        from outfold.learners.tabular.learner import TabularLearner

        return TabularLearner(contest, config, name, context.reporter), scales
    from outfold.learners.image.learner import ImageLearner

    assert isinstance(config, ImagePipeline)
    return ImageLearner(contest, config, name, context.reporter), scales


def image_learner(context: Context, name: str, what: str) -> ImageLearner:
    """The learner of a pipeline whose network sees images, of the targets as it learns them.

    Raises:
        ConfigError: it has no such network; ``what`` it would be needed for.
    """
    config = context.model_config(name)
    if not isinstance(config, ImagePipeline):
        path = context.layout.pipeline_config(name)
        raise ConfigError(f"{path}: learner: {config.learner} has no network of images, so there is no {what}")
    from outfold.learners.image.learner import ImageLearner

    learner, _ = neural_learner(context, name, what)
    assert isinstance(learner, ImageLearner)
    return learner


def checked_phase(config: NeuralPipeline, phase: int) -> int:
    """The phase's number, if the pipeline has it.

    Raises:
        ConfigError: it has not.
    """
    if not 1 <= phase <= len(config.phases):
        raise ConfigError(f"--phase {phase}: the pipeline has the phases 1 to {len(config.phases)}")
    return phase
