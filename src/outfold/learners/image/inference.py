"""Inference: the members of trained folds vote on rows, under TTA, each row being read once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from outfold.config.image import ImagePipeline, Tta
from outfold.data.images.augment import Augmentation
from outfold.data.images.batches import ImageSource
from outfold.data.images.views import View, needs_margin, views
from outfold.learners.image.batch_size import rows_to_predict
from outfold.learners.image.members import Voter, groups_that_fit
from outfold.progress import Reporter
from outfold.randomness import derive_seed
from outfold.training.checkpoint import load_member
from outfold.training.fuse_conv_bn import folded
from outfold.training.models import ModelSpec, build_model, check_sizes
from outfold.training.oom import PREDICTION, Pieces, memory_told
from outfold.training.sampler import pure_batches
from outfold.training.tta import tta_weights, vote


@dataclass(frozen=True)
class Looks:
    """What is predicted for each row: the original and augmented passes, or fixed views.

    Attributes:
        augmentation: of the passes beside the original.
        passes: how many these are.
        views: in their place; empty: passes.
        weights: of the original and each pass, or of each view.
        average: what is averaged.
    """

    augmentation: Augmentation
    passes: int
    views: list[View]
    weights: list[float]
    average: Literal["probabilities", "logits"]

    @classmethod
    def of(cls, config: ImagePipeline, where: str) -> Looks:
        """What ``tta:`` asks for."""
        tta = config.tta if isinstance(config.tta, Tta) else Tta(n=config.tta)
        augmentation = Augmentation.of(config.augment, config.strength, where)
        if tta.views:
            looks = views(tta.views, tta.scales)
            return cls(augmentation, 0, looks, tta_weights(len(looks) - 1, tta.beta), tta.average)
        passes = 0 if augmentation.is_none else tta.n
        return cls(augmentation, passes, [], tta_weights(passes, tta.beta), tta.average)

    @property
    def needs_margin(self) -> bool:
        """Whether the views show more than images without a margin hold."""
        return needs_margin(self.views)

    def shapes(self, seen: tuple[int, int]) -> list[tuple[int, int]]:
        """The heights and widths of what a member is shown, where it was trained at these."""
        return sorted({(view.size(seen[0]), view.size(seen[1])) for view in self.views} | {seen})

    def batches(
        self, source: ImageSource, batches: Sequence[NDArray[np.int64]], seed: int
    ) -> Iterator[Iterator[Tensor]]:
        """Of each batch of rows all that is looked at, as many as there are weights, made as they are asked for."""
        if not self.views:
            return self._passes(source, batches, seed)
        return (
            (source.standardised(view.of(images, source.seen(images))) for view in self.views)
            for _, images in source.batches(batches)
        )

    def _passes(
        self, source: ImageSource, batches: Sequence[NDArray[np.int64]], seed: int
    ) -> Iterator[Iterator[Tensor]]:
        seeds = [derive_seed(seed, "tta", number) for number in range(self.passes)]
        touches = [source.touch(self.augmentation, seed) for seed in seeds] if self.augmentation.touches else []

        def variants(rows: NDArray[np.int64], read: Iterator[Tensor]) -> Iterator[Tensor]:
            images = next(read)
            yield source.normalised(images)
            for seed in seeds:
                touched = next(read) if touches else images
                yield source.standardised(source.augmented(touched, rows, self.augmentation, seed))

        for rows, read in source.variants(batches, [None, *touches]):
            yield variants(rows, read)


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
