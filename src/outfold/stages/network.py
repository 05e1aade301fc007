"""Pipelines that have a network: what the stages that look at it before training ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outfold.config.image import ImagePipeline
from outfold.errors import ConfigError
from outfold.stages.context import Context

if TYPE_CHECKING:
    from outfold.learners.image.learner import ImageLearner


def network(context: Context, name: str, what: str) -> ImagePipeline:
    """The configuration of a pipeline that has a network.

    Raises:
        ConfigError: it has none; ``what`` it would be needed for.
    """
    config = context.model_config(name)
    if not isinstance(config, ImagePipeline):
        path = context.layout.pipeline_config(name)
        raise ConfigError(f"{path}: learner: {config.learner} has no network, so there is no {what}")
    return config


def image_learner(context: Context, name: str, what: str) -> ImageLearner:
    """The learner of a pipeline that has a network, of the targets as it learns them."""
    from outfold.learners.image.learner import ImageLearner
    from outfold.learners.transformed import as_learnt

    where = context.layout.pipeline_config(name)
    contest, config, _ = as_learnt(context.contest, network(context, name, what), where)
    return ImageLearner(contest, config, name, context.reporter)


def checked_phase(config: ImagePipeline, phase: int) -> int:
    """The phase's number, if the pipeline has it.

    Raises:
        ConfigError: it has not.
    """
    if not 1 <= phase <= len(config.phases):
        raise ConfigError(f"--phase {phase}: the pipeline has the phases 1 to {len(config.phases)}")
    return phase
