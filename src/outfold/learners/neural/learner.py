"""What every learner that trains a network can do beside fitting and predicting."""

from __future__ import annotations

from typing import Protocol

import pandas as pd
import torch
from torch import nn

from outfold.config.neural import NeuralPipeline
from outfold.ensemble.pseudo import PseudoLabels
from outfold.learners.learner import Learner
from outfold.store.shelf import Shelf
from outfold.training.fit import Fit


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
