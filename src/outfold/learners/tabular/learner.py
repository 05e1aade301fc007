"""The tabular learner: a network on the table, trained by the engine on tensors that hold all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from outfold.config.tabular import TabularPipeline
from outfold.contest import Contest
from outfold.errors import DataError
from outfold.learners.base import Part
from outfold.learners.neural.curves import PICTURE as SCHEDULE
from outfold.learners.neural.curves import draw_history, draw_trained
from outfold.learners.neural.loss import check_range, check_task, described, training_loss, voting_loss
from outfold.learners.neural.model_info import put_trained, told_of
from outfold.learners.tables.table_data import ContestTable
from outfold.learners.tabular.build import Networks
from outfold.learners.tabular.data import PhaseRows
from outfold.learners.tabular.embedding_tables import fold_vectors, put_vectors, write_vectors
from outfold.learners.tabular.encoding import FoldTable, check_encoding, rows_of
from outfold.progress import Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.randomness import derive_seed
from outfold.store.fold_dir import Shelf
from outfold.store.predictions import prediction_frame
from outfold.training.device import pick_device, pick_precision, reproducible
from outfold.training.losses import Loss, soft_targets
from outfold.training.oom import PREDICTION, memory_told
from outfold.training.optimizers import Rule
from outfold.training.recipe import check_batches, check_recipe, plan_phases
from outfold.training.sampler import strata
from outfold.training.trainer import Fit, fit


def predictions(
    networks: Networks, part: Part, ids: pd.Index, fold: int, shelf: Shelf
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Each member's name, and what it predicts: (n, outputs) in the order of the ids.

    The rows are made into codes and numbers once for all members; to be used within ``reproducible``.

    Raises:
        DataError: the contest's table has not the columns that the fold was trained on.
    """
    facts = told_of(shelf)
    loss = networks.voting(voting_loss(networks.contest, networks.config, facts)).to(networks.device)
    with memory_told(f"{networks.table.name}: predict {part}", PREDICTION):
        model, fitted = networks.trained(fold, shelf, facts["members"][0])
        try:
            codes, numbers = fitted.apply(part, ids)
        except KeyError as error:
            raise DataError(
                f"{shelf.folder}: trained on other features than the contest has now ({error})",
                remedy=f"Remove {shelf.folder} and run `outfold train {networks.table.name}`.",
            ) from None
        rows = rows_of(model.embeddings, codes, numbers, networks.device)
        for member in facts["members"]:
            model, _ = networks.trained(fold, shelf, member, fitted)
            with torch.inference_mode():
                pieces = zip(*(tensor.split(networks.at_once) for tensor in rows), strict=True)
                outputs = [loss.predictions(model(piece)).cpu().numpy() for piece in pieces]
            yield member, np.concatenate([np.empty((0, len(networks.contest.outputs)), np.float32), *outputs])


class TabularLearner:
    """Entity embeddings, or TabM, on the contest's table: the ``learner: tabular`` of a pipeline."""

    def __init__(self, contest: Contest, config: TabularPipeline, name: str, reporter: Reporter) -> None:
        self.contest, self.config, self.name, self.reporter = contest, config, name, reporter
        self.where = str(contest.layout.pipeline_config(name))
        self.table = ContestTable(contest, config, name, reporter)
        self.device = pick_device(config.device, self.where)
        self.precision = pick_precision(config.precision, self.device, None, self.where)
        self.networks = Networks(self.table, config, self.device, self.where)

    def check(self) -> None:
        """Raise what would stop ``fit`` before it begins."""
        check_task(self.config, self.contest, self.where)
        check_range(self.config.target_ranges, self.contest, self.where)
        with reproducible(self.device, images=False):
            # any network of these layers has the same groups
            check_recipe(self.networks.new([2], 1, [[0.0, 1.0]]), self.config.phases, self.where)
        self.table.check()

    def check_fold(self, fold: int, train: pd.Index) -> None:
        """Make the fold's features, encoding and batches.

        Raises:
            DataError: too few rows to learn from, or no column that differs.
            ConfigError: a feature that cannot be made, or batches of one row.
        """
        ids, _ = self.table.check_fold(train)
        check_encoding(self.table, ids, fold)
        check_batches(plan_phases(self.config, len(ids), self.where))

    def fit(
        self, fold: int, train: pd.Index, valid: pd.Index, shelf: Shelf, pseudo: PseudoLabels | None = None
    ) -> None:
        """Train one fold and leave its members, what it has learnt of the columns, and the history on the shelf."""
        with reproducible(self.device, images=False):
            job, model = self.job(fold, train, valid, shelf, pseudo)
            done = fit(job, model)
            put_vectors(shelf, fold_vectors(self.networks, fold, shelf, done.members[-1]["name"]))
        own = self.table.readable(train)
        told = {"members": [member["name"] for member in done.members], "outputs": self.contest.outputs}
        loss = self._loss(own, weighted=False)
        put_trained(job, model, done, len(own), pseudo, told | described(loss))

    def job(
        self, fold: int, train: pd.Index, valid: pd.Index, shelf: Shelf, pseudo: PseudoLabels | None = None
    ) -> tuple[Fit, nn.Module]:
        """What the engine needs to train one fold, and the network as it begins; to be used within ``reproducible``."""
        config, contest = self.config, self.contest
        own = self.table.readable(train)
        pseudo = self.table.teaching(pseudo)
        fitted, codes, numbers = FoldTable.fit(self.table, own, fold, self.networks.pieces)
        fitted.put(shelf)
        parts = [(codes, numbers), fitted.apply("train", valid)]
        if pseudo is not None:
            parts.append(fitted.apply("test", pseudo.ids))
        every = [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]
        first = len(own) + len(valid)
        learnt = np.arange(len(own))
        truth = contest.leading.truth(own)
        if pseudo is not None:
            learnt = np.concatenate([learnt, first + np.arange(len(pseudo.ids))])
            truth = np.concatenate([truth, pseudo.truth(contest.task)])
        plans = plan_phases(config, len(learnt), self.where)
        check_batches(plans)
        torch.manual_seed(derive_seed(config.seed, fold, "weights"))
        model = self.networks.new(fitted.categories, numbers.shape[1], fitted.edges)
        loss = self._loss(own, weighted=pseudo is not None)
        rows = PhaseRows(
            table=rows_of(model.embeddings, every[0], every[1], self.device),
            targets=self._targets(loss, own.append(valid), pseudo).to(self.device),
            truth=contest.truth(valid),
            watched=np.arange(len(own), first),
            loss=loss,
            precision=self.precision,
            metric=contest.metric,
            at_once=self.networks.at_once,
        )
        model.to(self.device)
        job = Fit(
            label=self.name,
            fold=fold,
            seed=config.seed,
            rows=learnt,
            strata=strata(truth, contest.leading.task),
            phases=plans,
            data=lambda plan: rows,
            loss=lambda plan: loss,
            optimizer=Rule(config.optimizer, config.beta2),
            precision=self.precision,
            shelf=shelf,
            reporter=self.reporter,
            compile=config.compile,
        )
        return job, model

    def _loss(self, own: pd.Index, *, weighted: bool) -> Loss:
        loss = training_loss(self.contest, self.config, self.contest.truth(own))
        return self.networks.voting(replace(loss, weighted=weighted)).to(self.device)

    def _targets(self, loss: Loss, ids: pd.Index, pseudo: PseudoLabels | None) -> torch.Tensor:
        y: NDArray = self.contest.truth(ids)
        return loss.targets(y) if pseudo is None else soft_targets(loss, y, pseudo.targets, pseudo.weight)

    def predict(self, part: Part, ids: pd.Index, shelves: Mapping[int, Shelf]) -> pd.DataFrame:
        """Every member of every fold on these rows, in float32.

        Returns:
            id, fold, member, and the outputs.
        """
        frames, precise = [], self.contest.precise_outputs
        with (
            reproducible(self.device, images=False),
            self.reporter.bar(f"{self.name}: predict {part}", len(shelves), "folds") as bar,
        ):
            for fold, shelf in sorted(shelves.items()):
                for member, values in predictions(self.networks, part, ids, fold, shelf):
                    frames.append(prediction_frame(ids, fold, member, self.contest.outputs, values, precise))
                bar.advance(1)
        return pd.concat(frames, ignore_index=True)

    def summarise(self, shelves: Mapping[int, Shelf], folder: Path) -> None:
        """``history.png``: loss, metric and learning rate by epoch, a line a fold; ``schedule.png``: rates by step.

        ``embeddings/``: the vectors of each categorical column, all folds; ``embeddings.png``: those of the first fold.
        """
        draw_history(shelves, self.name, self.contest.metric.name, Path(folder) / "history.png")
        write_vectors(self.name, shelves, Path(folder))
        draw_trained(shelves[min(shelves)], self.config, self.name, self.where, Path(folder) / SCHEDULE)
