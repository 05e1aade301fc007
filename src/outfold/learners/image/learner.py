"""The image learner: a timm model, trained by the engine on the decoded images, its snapshots voting under TTA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from outfold.config.image import ImagePipeline
from outfold.contest import Contest
from outfold.data.images.augment import Augmentation
from outfold.data.images.batches import ImageSource
from outfold.data.images.cache import channel_statistics
from outfold.errors import DataError
from outfold.learners.base import Part
from outfold.learners.image.batch_size import settled
from outfold.learners.image.check import check_augmentation, check_channels, check_network
from outfold.learners.image.data import ContestImages, PhaseImages, TaughtRows, joined, learnt, own_rows
from outfold.learners.image.inference import Inference
from outfold.learners.image.members import voters_of
from outfold.learners.image.precompute import precomputed
from outfold.learners.neural.curves import PICTURE as SCHEDULE
from outfold.learners.neural.curves import draw_history, draw_trained
from outfold.learners.neural.loss import check_range, check_task, described, network_width, training_loss, voting_loss
from outfold.learners.neural.model_info import put_trained
from outfold.progress import Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.randomness import derive_seed
from outfold.store.fold_dir import Shelf
from outfold.store.predictions import prediction_frame
from outfold.training.device import pick_device, pick_precision, reproducible
from outfold.training.losses import Loss
from outfold.training.models import DROP_PATH, ModelSpec, build_model, normalisation
from outfold.training.optimizers import Rule
from outfold.training.recipe import PhasePlan, check_batches, plan_phases
from outfold.training.sampler import strata
from outfold.training.trainer import Data, Fit, fit

PARTS: tuple[Part, ...] = ("train", "test")


class ImageLearner:
    """Any timm model on the contest's images: the ``learner: image`` of a pipeline."""

    def __init__(self, contest: Contest, config: ImagePipeline, name: str, reporter: Reporter) -> None:
        self.contest, self.config, self.name, self.reporter = contest, config, name, reporter
        self.where = str(contest.layout.pipeline_config(name))
        self.images = ContestImages(contest, config, reporter)
        self._normal: dict[int, tuple[list[float], list[float]]] = {}
        self.device = pick_device(config.device, self.where)
        self.precision = pick_precision(config.precision, self.device, min(self._sizes()), self.where)

    def _sizes(self) -> list[int]:
        """The image sizes that the phases ask for, from small to large."""
        return sorted({phase.size or self.config.size for phase in self.config.phases})

    def check(self) -> None:
        """Raise what would stop ``fit`` before it begins; the images are decoded on the way, where they are not yet."""
        config, contest = self.config, self.contest
        check_task(config, contest, self.where)
        check_range(config.target_ranges, contest, self.where)
        check_channels(config, self.where)
        sizes = self._sizes()
        with reproducible(self.device):
            warnings = check_network(config, self.images, sizes, self.spec(), contest.root)
        for warning in warnings:
            self.reporter.warn(warning)
        check_augmentation(config, self.images, self.where)
        for size in sizes:
            for part in PARTS:
                self.images.cache(part, size)

    def check_fold(self, fold: int, train: pd.Index) -> None:
        """Count the readable images of a training part, and cut them into batches.

        Raises:
            DataError: no training image can be read.
            ConfigError: batches of one row.
        """
        check_batches(plan_phases(self.config, len(self._readable(fold, train)), self.where))

    def _readable(self, fold: int, train: pd.Index) -> NDArray[np.int64]:
        """Positions of the training rows whose image can be read."""
        own = self.contest.places("train", train)
        own = own[~np.isin(own, list(self._unread("train")))]
        if not len(own):
            raise DataError(f"{self.name} fold {fold}: no training image can be read")
        return own

    def fit(
        self, fold: int, train: pd.Index, valid: pd.Index, shelf: Shelf, pseudo: PseudoLabels | None = None
    ) -> None:
        """Train one fold and leave its members, their description and the history on the shelf."""
        config, contest = self.config, self.contest
        with reproducible(self.device):
            job, model = self.job(fold, train, valid, shelf, pseudo)
            done = fit(job, model)
        mean, std = self._normal[fold]
        own = own_rows(job.rows, len(contest.y))
        loss = self._loss(contest.y[own])
        told = {"model": config.model, "members": done.members, "outputs": contest.outputs, "mean": mean, "std": std}
        put_trained(job, model, done, len(own), pseudo, told | described(loss))

    def job(
        self, fold: int, train: pd.Index, valid: pd.Index, shelf: Shelf, pseudo: PseudoLabels | None = None
    ) -> tuple[Fit, nn.Module]:
        """What the engine needs to train one fold, and the model as it begins; to be used within ``reproducible``."""
        config, contest = self.config, self.contest
        own = self._readable(fold, train)
        taught = None if pseudo is None else TaughtRows.of(contest, pseudo, self._unread("test"))
        rows, truth = learnt(contest, own, taught)
        plans = plan_phases(config, len(rows), self.where)
        check_batches(plans)
        torch.manual_seed(derive_seed(config.seed, fold, "weights"))
        model = build_model(self.spec(), config.weights, contest.root).to(self.device)
        mean, std = self._normal[fold] = self.normalisation(model, own)
        loss = partial(self._loss, contest.y[own], weighted=taught is not None)
        job = Fit(
            label=self.name,
            fold=fold,
            seed=config.seed,
            rows=rows,
            strata=strata(truth, contest.leading.task),
            phases=plans,
            data=partial(self._phase_data, model, self.contest.places("train", valid), loss(), mean, std, taught),
            loss=lambda plan: loss(),
            optimizer=Rule(config.optimizer, config.beta2),
            precision=self.precision,
            shelf=shelf,
            reporter=self.reporter,
            compile=config.compile,
        )
        return settled(job, model, config, self.where), model

    def _unread(self, part: Part) -> dict[int, str]:
        """The part's images that cannot be read: why, by row."""
        return self.images.cache(part, self.config.phases[0].size or self.config.size).bad

    def normalisation(self, model: nn.Module, rows: NDArray[np.int64]) -> tuple[list[float], list[float]]:
        """Mean and standard deviation a channel: those given, else the model's own; of bands, those of these rows."""
        config = self.config
        mean, std = config.mean, config.std
        if config.channels not in (1, 3) and not (mean and std):
            # what the colours of the model's weights were says nothing of bands
            pixels = self.images.cache("train", config.phases[0].size or config.size).pixels
            measured = channel_statistics(pixels, rows)
            mean, std = mean or measured[0], std or measured[1]
        return normalisation(model, config.channels, mean, std)

    def _loss(self, y: NDArray, weighted: bool = False) -> Loss:
        return replace(training_loss(self.contest, self.config, y), weighted=weighted).to(self.device)

    def phase_images(
        self,
        watched: NDArray[np.int64],
        loss: Loss,
        mean: list[float],
        std: list[float],
        plan: PhasePlan,
        taught: TaughtRows | None = None,
    ) -> PhaseImages:
        """The training images as a phase sees them, and test images that it learns from."""
        source, y = self.source("train", plan.size, mean, std), self.contest.y
        return PhaseImages(
            source=source if taught is None else joined(source, self.source("test", plan.size, mean, std)),
            targets=loss.targets(y) if taught is None else taught.targets(loss, y),
            truth=self.contest.y[watched],
            watched=watched,
            augmentation=Augmentation.of(plan.augment, plan.at("strength", 0), plan.where, plan.erase),
            loss=loss,
            precision=self.precision,
            metric=self.contest.metric,
            batch_size=plan.batch_size,
        )

    def _phase_data(
        self,
        model: nn.Module,
        watched: NDArray[np.int64],
        loss: Loss,
        mean: list[float],
        std: list[float],
        taught: TaughtRows | None,
        plan: PhasePlan,
    ) -> Data:
        images = self.phase_images(watched, loss, mean, std, plan, taught)
        if not plan.precompute:
            return images
        made_of = {
            "model": self.config.model,
            "args": self.config.timm_args,
            "images": " ".join(self.images.cache(part, plan.size).name for part in PARTS[: 2 if taught else 1]),
        }
        return precomputed(images, model, self.contest.layout.cache, made_of, self.reporter)

    def spec(self, size: int | None = None) -> ModelSpec:
        """What is needed to build the model, at the pipeline's size or another."""
        config = self.config
        return ModelSpec(
            config.model,
            network_width(self.contest),
            config.channels,
            size or config.size,
            config.timm_args | ({DROP_PATH: config.drop_path} if config.drop_path else {}),
            self.where,
            config.head,
        )

    def predict(self, part: Part, ids: pd.Index, shelves: Mapping[int, Shelf]) -> pd.DataFrame:
        """Every member of every fold on these rows, under TTA, in float32; each row is read once.

        Returns:
            id, fold, member, and the outputs.
        """
        contest = self.contest
        rows = contest.places(part, ids)
        loss = partial(voting_loss, contest, self.config)
        voters = [v for f, shelf in sorted(shelves.items()) for v in voters_of(f, shelf, loss, self.device)]
        with reproducible(self.device):
            frames = [
                prediction_frame(ids, voter.fold, voter.member, contest.outputs, values, contest.precise_outputs)
                for voter, values in self.inference(part).run(rows, voters)
            ]
        return pd.concat(frames, ignore_index=True)

    def inference(self, part: Part) -> Inference:
        """What its members need to predict rows of a part."""
        return Inference(
            label=f"{self.name} predict {part}",
            config=self.config,
            where=self.where,
            root=self.contest.root,
            device=self.device,
            reporter=self.reporter,
            spec=self.spec,
            source=partial(self.source, part),
            seed=derive_seed(self.config.seed, part),
        )

    def source(self, part: Part, size: int, mean: list[float], std: list[float], margin: bool = False) -> ImageSource:
        """All images of a part as a network of this size and normalisation sees them."""
        pixels = self.images.cache(part, size, margin).pixels
        kept = self.images.resident(part, size, self.device, margin)
        larger = self.images.larger(margin)
        return ImageSource(pixels, mean, std, self.device, self.config.workers, larger, kept)

    def summarise(self, shelves: Mapping[int, Shelf], folder: Path) -> None:
        """``history.png``: loss, metric and learning rate by epoch, a line a fold; ``schedule.png``: rates by step."""
        draw_history(shelves, self.name, self.contest.metric.name, Path(folder) / "history.png")
        draw_trained(shelves[min(shelves)], self.config, self.name, self.where, Path(folder) / SCHEDULE)
