"""A pipeline of a table before it is trained."""

from __future__ import annotations

import pandas as pd
import torch

from outfold.learners.neural.summary import NetworkSummary, summarise_network
from outfold.learners.tabular.encoding import FoldTable
from outfold.learners.tabular.learner import TabularLearner
from outfold.training.device import Precision, reproducible
from outfold.training.recipe import plan_phases


def summarise_table(learner: TabularLearner, ids: pd.Index, rows: int) -> NetworkSummary:
    """Build the network for these training rows with random weights and measure it.

    Args:
        rows: of a fold's training part, which the number of steps depends on.
    """
    fitted, _, numbers = FoldTable.fit(learner.table, learner.table.readable(ids), 0, learner.networks.pieces)
    with reproducible(torch.device("cpu"), images=False):
        model = learner.networks.new(fitted.categories, numbers.shape[1], fitted.edges)
        precision = Precision("fp32" if learner.precision.name == "fp32" else "bf16", torch.device("cpu"))
        example = torch.zeros(1, len(fitted.categories), dtype=torch.int32), torch.zeros(1, numbers.shape[1])
        plans = plan_phases(learner.config, rows, learner.where)
        return summarise_network(model, plans, lambda plan: example, learner.config, precision)
