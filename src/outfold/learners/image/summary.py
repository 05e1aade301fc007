"""An image pipeline before it is trained."""

from __future__ import annotations

import torch

from outfold.learners.image.learner import ImageLearner
from outfold.learners.neural.summary import NetworkSummary, summarise_network
from outfold.training.device import Precision, reproducible
from outfold.training.models import build_model
from outfold.training.recipe import plan_phases


def summarise_images(learner: ImageLearner, rows: int) -> NetworkSummary:
    """Build the pipeline's network with random weights and measure it.

    Args:
        rows: of a fold's training part, which the number of steps depends on.
    """
    config = learner.config
    with reproducible(torch.device("cpu")):
        model = build_model(learner.spec(), "none", learner.contest.root)
        # float16 arithmetic is slow on a CPU, and bfloat16 takes as many bytes
        precision = Precision("fp32" if learner.precision.name == "fp32" else "bf16", torch.device("cpu"))
        plans = plan_phases(config, rows, learner.where)
        return summarise_network(
            model, plans, lambda plan: torch.zeros(1, config.channels, plan.size, plan.size), config, precision
        )
