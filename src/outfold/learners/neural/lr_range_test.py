"""The learning-rate finder on a pipeline with a network, and its picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pandas as pd
import torch
from torch import nn

from outfold.config.image import ImagePipeline
from outfold.config.neural import NeuralPipeline
from outfold.learners.base import Learner
from outfold.plain_text import label
from outfold.plots import COLOURS, drawing, new_figure, save
from outfold.pseudo_labels import PseudoLabels
from outfold.store.fold_dir import Shelf
from outfold.training import trainer as engine
from outfold.training.device import reproducible
from outfold.training.lr_finder import Sweep
from outfold.training.trainer import Fit


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


MEANINGS = {
    "valley": "halfway down the longest descent; lr: find takes it",
    "steep": "where the loss falls fastest",
    "minimum": "a tenth of the rate of the least loss",
    "slide": "the last one before the loss explodes",
}


def find_lr(
    learner: NeuralLearner,
    number: int,
    fold: int,
    train: pd.Index,
    valid: pd.Index,
    shelf: Shelf,
    pseudo: PseudoLabels | None = None,
) -> Sweep:
    """Sweep the learning rate where this phase begins.

    Args:
        number: of the phase, from 1; those before it are trained first, on ``shelf``.
        train, valid: the ids of the fold's two parts.
        pseudo: test rows that it learns from, too.
    """
    with reproducible(learner.device, images=isinstance(learner.config, ImagePipeline)):
        job, model = learner.job(fold, train, valid, shelf, pseudo)
        return engine.find_lr(replace(job, phases=job.phases[:number]), model)


def draw_sweep(sweep: Sweep, title: str, path: Path) -> None:
    """Write the picture: smoothed loss against learning rate, the four suggestions marked."""
    seen, found = sweep.readable, sweep.suggestions()
    with drawing():
        figure = new_figure(8.0, 4.2)
        axes = figure.subplots()
        axes.plot(sweep.lrs, sweep.losses, color="#bbbbbb", lw=1)
        axes.plot(seen.lrs, seen.losses, color="#333333", lw=2)
        for number, (name, lr) in enumerate(found.items()):
            place = int(abs(sweep.lrs - lr).argmin())
            axes.axvline(lr, color=COLOURS[number], lw=1, ls=":")
            axes.plot([lr], [sweep.losses[place]], "o", color=COLOURS[number], ms=8, label=f"{name}  {lr:.1e}")
        low, high = seen.losses.min(), max(seen.losses[0], seen.losses.max())
        axes.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
        axes.set_xscale("log")
        axes.set_xlabel("learning rate (of the head)")
        axes.set_ylabel("loss, smoothed")
        axes.set_title(label(title, 80))
        axes.legend()
        save(figure, path)
