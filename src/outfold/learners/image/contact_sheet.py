"""A contact sheet: training images with their labels, as they are and as the epochs of a phase will see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from outfold.contest import Contest
from outfold.errors import DataError
from outfold.learners.image.data import PhaseImages
from outfold.learners.image.learner import ImageLearner
from outfold.learners.neural.loss import training_loss
from outfold.metrics import PER_CLASS
from outfold.plain_text import label
from outfold.plots import drawing, new_figure, save
from outfold.randomness import derive_seed, row_uniforms
from outfold.training.device import reproducible
from outfold.training.epoch import augmentation_seed, epoch_order, epoch_seed, mixing_seed, phase_rows
from outfold.training.mixing import mix
from outfold.training.models import build_model
from outfold.training.recipe import PhasePlan, plan_phases
from outfold.training.sampler import strata


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
    """Some of a fold's training images as a phase will see them: augmented, erased, and mixed with others.

    Draw k is what the network gets for the row in epoch k of the phase, trained on this fold. Where the phase has no
    such epoch, or ``sampling: balanced`` leaves the row out of it, the draw is what it would get. Pseudo-labelled rows
    are not among those that it is mixed with. An image that is mixed with one that comes a second time in the epoch is
    shown with that one as it came first.

    Args:
        phase: its number, from 1. Where its ``batch_size`` is yet to be found, ordinary batches are shown.
        rows: how many images; each class has its turn before one comes again.

    Raises:
        DataError: no training image can be read.
    """
    contest, config = learner.contest, learner.config
    every = contest.places("train", train)
    unread = learner.images.cache("train", config.phases[phase - 1].size or config.size).bad
    every = every[~np.isin(every, list(unread))]
    if not len(every):
        raise DataError(f"{learner.name}: no training image can be read")
    plan = plan_phases(config, len(every), learner.where)[phase - 1]
    asked = contest.leading
    learnt, classes = phase_rows(plan, every, strata(asked.y[every], asked.task), config.seed, fold)
    places = learnt[_in_turn(contest, learnt, config.seed)[:rows]]
    with reproducible(learner.device):
        mean, std = learner.normalisation(build_model(learner.spec(), "none", contest.root), every)
        loss = training_loss(contest, config, contest.y).to(learner.device)
        images = learner.phase_images(places[:0], loss, mean, std, plan)
        # a batch has one shape: images that keep theirs come one by one
        variants = [[next(iter(images.plain([place]))) for place in np.split(places, len(places))]]
        for epoch in range(draws):
            seed, first = epoch_seed(plan, config.seed, fold, epoch), epoch * plan.epoch_steps
            order = epoch_order(plan, learnt, classes, images.kinds, seed, first if first < plan.steps else 0)
            mixing = mixing_seed(plan, config.seed, fold)
            variants.append(_seen(images, plan, places, _met(order, first), augmentation_seed(seed), mixing))
    words = [contest.word(truth) for truth in contest.y[places]]
    return ContactSheet(contest.train.index[places], words, _pixels(images, variants))


@dataclass(frozen=True)
class _Meeting:
    """Where training meets a row in an epoch.

    Attributes:
        number: of the step, in the phase.
        part: of the step's batches.
        batch: the rows beside it, and itself.
    """

    number: int
    part: int
    batch: NDArray[np.int64]


def _met(order: Sequence[Sequence[NDArray[np.int64]]], first: int) -> dict[int, _Meeting]:
    """The first meeting with each row of an epoch."""
    met: dict[int, _Meeting] = {}
    for number, group in enumerate(order, start=first):
        for part, batch in enumerate(group):
            for row in batch.tolist():
                met.setdefault(row, _Meeting(number, part, batch))
    return met


def _seen(
    images: PhaseImages,
    plan: PhasePlan,
    places: NDArray[np.int64],
    met: Mapping[int, _Meeting],
    augmentation: int,
    mixing: int,
) -> list[torch.Tensor]:
    """What the network gets for each of these rows in an epoch: (1, channels, height, width), normalised.

    Args:
        augmentation, mixing: the seeds of the epoch, and of the phase.
    """
    found: dict[int, torch.Tensor] = {}
    for row in places.tolist():
        if row in found:
            continue
        meeting = met.get(row) or _Meeting(next(iter(met.values())).number, 0, np.array([row]))
        step = min(meeting.number, plan.steps - 1)
        mixup, cutmix = plan.at("mixup", step), plan.at("cutmix", step)
        # the rows beside it matter where they are mixed with it, or give the batch its shape
        batch = meeting.batch if mixup or cutmix or images.kinds is not None else np.array([row])
        inputs, _ = next(images.batches([batch], [plan.at("strength", step)], augmentation))
        mixture = mix(inputs, mixup, cutmix, derive_seed(mixing, meeting.number, meeting.part))
        inputs = inputs if mixture is None else mixture.inputs
        for place, other in enumerate(batch.tolist()):
            found.setdefault(other, inputs[place : place + 1])
    return [found[row] for row in places.tolist()]


def _in_turn(contest: Contest, places: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """An order of these training rows, drawn by the seed, in which the classes take turns."""
    drawn = row_uniforms(derive_seed(seed, "contact sheet"), places, 1)[:, 0]
    asked = contest.leading
    truth = asked.y[places]
    if asked.task != "binary" and asked.task not in PER_CLASS:
        return np.argsort(drawn, kind="stable")
    rank = pd.Series(drawn).groupby(truth).rank(method="first").to_numpy()
    return np.lexsort([truth, rank])


def _pixels(images: PhaseImages, variants: Sequence[Sequence[torch.Tensor]]) -> NDArray[np.uint8]:
    """Normalised images, (1, channels, height, width) each, as (n, variants, height, width, channels) uint8."""
    high, wide = (max(one.shape[side] for row in variants for one in row) for side in (2, 3))
    framed = [[_framed(_unnormalised(images, one), high, wide) for one in row] for row in variants]
    return np.stack([np.concatenate(row) for row in framed], axis=1)


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
        for axes, name, words, variants in zip(grid, sheet.ids, sheet.labels, sheet.images, strict=True):
            for place, (axis, image) in enumerate(zip(axes, variants, strict=True)):
                axis.axis("off")
                axis.imshow(_shown(image), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                if place == 0:
                    axis.set_title(f"{label(name, 24)}\n{label(words, 24)}", fontsize=8, fontweight="normal")
        figure.suptitle(label(title, 100), x=0.01, ha="left", fontsize=11)
        save(figure, path)


def _shown(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey, or the first three bands."""
    return image[..., :3] if image.shape[-1] >= 3 else image[..., 0]
