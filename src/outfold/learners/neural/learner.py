"""What every learner that trains a network can do beside fitting and predicting."""

from __future__ import annotations

from typing import Any, Protocol

import pandas as pd
import torch
from torch import nn

from outfold.config.neural import NeuralPipeline
from outfold.ensemble.pseudo import PseudoLabels
from outfold.learners.learner import Learner
from outfold.store.shelf import Shelf
from outfold.training.checkpoint import Progress
from outfold.training.fit import Fit
from outfold.training.layer_groups import layer_groups


class NeuralLearner(Learner, Protocol):
    """A learner whose networks the engine trains."""

    @property
    def config(self) -> NeuralPipeline:
        """The pipeline."""

    @property
    def name(self) -> str:
        """The pipeline's name."""

    @property
    def where(self) -> str:
        """The pipeline's file, for messages."""

    @property
    def device(self) -> torch.device:
        """Where it trains."""

    def job(
        self, fold: int, train: pd.Index, valid: pd.Index, shelf: Shelf, pseudo: PseudoLabels | None = None
    ) -> tuple[Fit, nn.Module]:
        """What the engine needs to train one fold, and the network as it begins; to be used within ``reproducible``."""


def facts_of(job: Fit, model: nn.Module, done: Progress, own: int, pseudo: PseudoLabels | None) -> dict[str, Any]:
    """What a shelf says of a fold that is trained.

    Args:
        own: how many of the job's rows are the contest's training rows; the others are pseudo-labelled.
    """
    return {
        "members": [member["name"] for member in done.members],
        "epochs": len(done.history),
        "seconds": sum(entry["seconds"] for entry in done.history),
        "waited": sum(entry["waiting"] * entry["seconds"] for entry in done.history),
        "rows": len(job.rows),
        "batch_size": [plan.batch_size for plan in job.phases],
        **({} if pseudo is None else {"pseudo": len(job.rows) - own}),
        "groups": len(layer_groups(model)),
    }
