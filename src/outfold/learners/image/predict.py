"""Inference: the members of trained folds vote on rows, under TTA, each row being read once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from outfold.config.image import ImagePipeline
from outfold.data.images.batches import ImageSource
from outfold.learners.image.batch_size import rows_to_predict
from outfold.learners.image.tta import Looks
from outfold.learners.image.voters import Voter, groups_that_fit
from outfold.progress import Reporter
from outfold.training.checkpoint import load_member
from outfold.training.folding import folded
from outfold.training.memory import PREDICTION, Pieces, memory_told
from outfold.training.models import ModelSpec, build_model, check_sizes
from outfold.training.order import pure_batches
from outfold.training.tta import vote


class Source(Protocol):
    """All images of a part, as networks of a size and a normalisation see them."""

    def __call__(self, size: int, mean: list[float], std: list[float], margin: bool = False) -> ImageSource: ...


@dataclass(frozen=True)
class Inference:
    """What members of one pipeline need to predict rows of one part.

    Attributes:
        label: for the progress bar and messages.
        where: the pipeline's file, for messages.
        root: the contest's folder.
        spec: how to build the network at a size.
        source: the part's images.
        seed: of the augmented passes.
    """

    label: str
    config: ImagePipeline
    where: str
    root: Path
    device: torch.device
    reporter: Reporter
    spec: Callable[[int], ModelSpec]
    source: Source
    seed: int

    def run(self, rows: NDArray[np.int64], voters: Sequence[Voter]) -> Iterator[tuple[Voter, NDArray[np.float32]]]:
        """Each voter's predictions, (n, outputs) in the order of the rows; to be used within ``reproducible``."""
        with memory_told(self.label, PREDICTION):
            torch.manual_seed(0)
            groups = groups_that_fit(voters, self.device)
            with self.reporter.bar(self.label, len(rows) * len(groups), "images") as bar:
                for group in groups:
                    values = self._vote(rows, group, lambda n: bar.advance(n, models=len(voters)))
                    yield from zip(group, values, strict=True)

    def _vote(
        self, rows: NDArray[np.int64], voters: Sequence[Voter], advance: Callable[[int], None]
    ) -> list[NDArray[np.float32]]:
        config, first = self.config, voters[0]
        looks = Looks.of(config, self.where)
        source = self.source(first.size, first.mean, first.std, looks.needs_margin)
        models, losses = self.models(voters, looks.shapes((first.size, first.size))), [voter.loss for voter in voters]

        def ask(
            batches: Sequence[NDArray[np.int64]],
            advance: Callable[[int], None] = lambda rows: None,
            run: Callable[[nn.Module, Tensor], Tensor] = nn.Module.__call__,
        ) -> list[NDArray[np.float32]]:
            seen = looks.batches(source, batches, self.seed)
            return vote(models, losses, seen, looks.weights, looks.average, advance, run)

        at_once = rows_to_predict(config, first, self.device, lambda count: ask([np.resize(rows[:1], count)]))
        batches, places = pure_batches(rows, at_once, source.kinds)
        pieces = Pieces(lambda said: self.reporter.warn(f"{self.label}: {said}"))
        return [values[places] for values in ask(batches, advance, pieces)]

    def models(self, voters: Sequence[Voter], shapes: Sequence[tuple[int, int]] = ()) -> list[nn.Module]:
        """The voters' networks, which share a size, on the device and as fast as they can be.

        Raises:
            ConfigError: the network cannot take images of one of the shapes.
        """
        spec = self.spec(voters[0].size)
        skeleton = build_model(spec, "none", self.root).eval().requires_grad_(False)
        check_sizes(skeleton, spec, [shape for shape in shapes if shape != (spec.size, spec.size)])
        # of no image, but unlike zeros it would show a convolution that was scaled wrongly
        example = torch.rand(1, spec.channels, spec.size, spec.size, generator=torch.Generator().manual_seed(0))
        models = []
        for voter in voters:
            model = copy.deepcopy(skeleton)
            model.load_state_dict(load_member(voter.shelf, voter.member))
            models.append(folded(model, example).to(self.device))
        return models
