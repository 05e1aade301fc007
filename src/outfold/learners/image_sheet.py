"""A contact sheet: training images with their labels, as they are and as the epochs of a phase will see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from outfold.contest import Contest
from outfold.errors import DataError
from outfold.learners.image import ImageLearner
from outfold.learners.image_loss import training_loss
from outfold.learners.image_rows import PhaseImages
from outfold.metrics import PER_CLASS
from outfold.plots import drawing, new_figure, save
from outfold.randomness import derive_seed, row_uniforms
from outfold.training.device import reproducible
from outfold.training.models import build_model
from outfold.training.recipe import plan_phases


@dataclass(frozen=True)
class ContactSheet:
    """What the picture shows.

    Attributes:
        ids: (n,) of the rows.
        labels: of each, in words.
        images: (n, 1 + draws, height, width, channels) uint8: the original, then one a draw. Where shapes differ, each
            is in the middle of a white frame.
    """

    ids: pd.Index
    labels: list[str]
    images: NDArray[np.uint8]


def contact_sheet(
    learner: ImageLearner, train: pd.Index, *, fold: int, phase: int, rows: int, draws: int
) -> ContactSheet:
    """Some of a fold's training images under the augmentation of a phase.

    Draw k is what training on this fold sees of the row in epoch k of the phase; where the strength moves within the
    epoch, at its start. Mixup and CutMix, which join two rows, are left out.

    Args:
        phase: its number, from 1.
        rows: how many images; each class has its turn before one comes again.

    Raises:
        DataError: no training image can be read.
    """
    contest, config = learner.contest, learner.config
    plan = plan_phases(config, len(train), learner.where)[phase - 1]
    every = np.asarray(contest.train.index.get_indexer(train), dtype=np.int64)
    every = every[~np.isin(every, list(learner.images.cache("train", plan.size).bad))]
    if not len(every):
        raise DataError(f"{learner.name}: no training image can be read")
    places = every[_in_turn(contest, every, config.seed)[:rows]]
    with reproducible(learner.device):
        mean, std = learner.normalisation(build_model(learner.spec(), "none", contest.root), every)
        loss = training_loss(contest, config, contest.y).to(learner.device)
        images = learner.phase_images(places[:0], loss, mean, std, plan)
        # a batch has one shape: images that keep theirs come one by one
        batches = [places] if images.kinds is None else np.split(places, len(places))
        variants = [_pixels(images, list(images.plain(batches)))]
        for epoch in range(draws):
            seed = derive_seed(derive_seed(config.seed, fold, phase, epoch), "augment")
            strength = plan.at("strength", min(epoch * plan.epoch_steps, plan.steps - 1))
            seen = images.batches(batches, [strength] * len(batches), seed)
            variants.append(_pixels(images, [batch for batch, _ in seen]))
    words = [contest.word(truth) for truth in contest.y[places]]
    return ContactSheet(contest.train.index[places], words, np.stack(variants, axis=1))


def _in_turn(contest: Contest, places: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """An order of these training rows, drawn by the seed, in which the classes take turns."""
    drawn = row_uniforms(derive_seed(seed, "contact sheet"), places, 1)[:, 0]
    asked = contest.leading
    truth = asked.y[places]
    if asked.task != "binary" and asked.task not in PER_CLASS:
        return np.argsort(drawn, kind="stable")
    rank = pd.Series(drawn).groupby(truth).rank(method="first").to_numpy()
    return np.lexsort([truth, rank])


def _pixels(images: PhaseImages, batches: Sequence[torch.Tensor]) -> NDArray[np.uint8]:
    """Normalised images as (n, height, width, channels) uint8."""
    high, wide = (max(batch.shape[side] for batch in batches) for side in (2, 3))
    return np.concatenate([_framed(_unnormalised(images, batch), high, wide) for batch in batches])


def _unnormalised(images: PhaseImages, batch: torch.Tensor) -> NDArray[np.uint8]:
    pixels = batch.float().cpu().permute(0, 2, 3, 1).numpy() * np.asarray(images.source.std, np.float32)
    pixels += np.asarray(images.source.mean, np.float32)
    return np.clip(np.rint(pixels * 255), 0, 255).astype(np.uint8)


def _framed(pixels: NDArray[np.uint8], high: int, wide: int) -> NDArray[np.uint8]:
    """Images (n, height, width, channels) in the middle of a white frame."""
    spare = [(0, 0), *((space // 2, space - space // 2) for space in (high - pixels.shape[1], wide - pixels.shape[2]))]
    return np.pad(pixels, [*spare, (0, 0)], constant_values=255)


def draw_sheet(sheet: ContactSheet, title: str, path: Path) -> None:
    """Write the picture: a row an image, the original first."""
    down, across = sheet.images.shape[:2]
    with drawing():
        figure = new_figure(1.3 * across + 0.2, 1.45 * down + 0.4)
        grid = figure.subplots(down, across, squeeze=False)
        for axes, name, label, variants in zip(grid, sheet.ids, sheet.labels, sheet.images, strict=True):
            for place, (axis, image) in enumerate(zip(axes, variants, strict=True)):
                axis.axis("off")
                axis.imshow(_shown(image), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                if place == 0:
                    axis.set_title(f"{name}\n{_short(label)}", fontsize=8, fontweight="normal")
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
        save(figure, path)


def _shown(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey, or the first three bands."""
    return image[..., :3] if image.shape[-1] >= 3 else image[..., 0]


def _short(label: str, most: int = 24) -> str:
    return label if len(label) <= most else f"{label[: most - 3]}..."
