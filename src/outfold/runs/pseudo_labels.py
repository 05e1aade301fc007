"""The teachers of a pipeline with pseudo-labels: their test predictions, those that each fold may use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.cell_values import float_table
from outfold.config.pipeline import ModelPipeline
from outfold.config.pipeline_base import CONFIDENCE, Pseudo
from outfold.errors import MismatchError, some
from outfold.pseudo_labels import PseudoLabels, choose
from outfold.runs.context import Context
from outfold.runs.provenance import PSEUDO_ASKED, pseudo_sources, refused
from outfold.store.fold_dir import Shelf
from outfold.store.manifest import PseudoFacts, PseudoFold
from outfold.store.prediction_files import read_test
from outfold.store.predictions import members_of, outputs_by_id

_BOTH = ("train", "predict")


class Teachers:
    """What a pipeline's ``pseudo`` names, opened.

    The labels for fold k are the predictions of the teachers' models of fold k, which have not seen the labels of the
    rows that fold k scores. Other folds' models have, and so have the weights of a blend: neither is used.
    """

    def __init__(self, context: Context, config: Pseudo) -> None:
        """Look at the teachers' manifests.

        Raises:
            MismatchError: a teacher is not trained on all folds, was trained on something else than what is here now,
                or has not predicted the test set since; named.
        """
        self.context, self.config = context, config
        self.manifests = pseudo_sources(context, config)

    @cached_property
    def _frames(self) -> dict[str, pd.DataFrame]:
        layout, ids = self.context.layout, self.context.contest.test.index
        return {name: read_test(layout, manifest, ids) for name, manifest in self.manifests.items()}

    def labels(self, fold: int) -> PseudoLabels:
        """The test rows that the model of this fold learns from.

        Raises:
            MismatchError: a teacher's predictions are not those of the contest's test rows; or, for numbers, there is
                one member alone, whose spread tells nothing.
        """
        contest, config = self.context.contest, self.config
        votes = [self._votes(name, frame, fold) for name, frame in self._frames.items()]
        if contest.task == "regression" and sum(map(len, votes)) < 2:
            raise MismatchError(
                f"{some(self.manifests)}: one member alone has no spread to tell sure rows by",
                remedy="Name two teachers, or one with snapshots.",
            )
        confidence = config.confidence
        if confidence is None and config.share is None:
            confidence = CONFIDENCE
        return choose(
            contest.test.index,
            votes,
            contest.task,
            confidence=confidence,
            share=config.share,
            labels=config.labels,
            weight=config.weight,
        )

    def _votes(self, name: str, frame: pd.DataFrame, fold: int) -> NDArray[np.floating[Any]]:
        """What a teacher's members of one fold say: (members, test rows, outputs)."""
        ids, outputs = self.context.contest.test.index, self.context.contest.outputs
        frame = frame[frame["fold"] == fold]
        layers = [outputs_by_id(frame[frame["member"] == member]) for member in members_of(frame)]
        if not layers or any(not layer.index.sort_values().equals(ids.sort_values()) for layer in layers):
            state = f"has not predicted every test row with its model of fold {fold}"
            raise refused(self.context, name, PSEUDO_ASKED, state, _BOTH)
        return np.stack([float_table(layer.loc[ids, outputs]) for layer in layers])


def teachers_of(context: Context, config: ModelPipeline) -> Teachers | None:
    """The teachers of a pipeline; None where it has no ``pseudo``.

    Raises:
        MismatchError: as :class:`Teachers`.
    """
    pseudo = config.taught()
    return None if pseudo is None else Teachers(context, pseudo)


def pseudo_labels(context: Context, name: str, fold: int) -> PseudoLabels | None:
    """The test rows that a pipeline's model of this fold learns from; None where the pipeline has no ``pseudo``.

    Raises:
        MismatchError: as :class:`Teachers`.
    """
    teachers = teachers_of(context, context.model_config(name))
    if teachers is None:
        return None
    labels = teachers.labels(fold)
    if not len(labels.ids):
        context.reporter.warn(
            f"{name} fold {fold}: its teachers are of no test row as sure as {labels.limit:g}: it learns from none"
        )
    return labels


def pseudo_facts(context: Context, config: ModelPipeline, shelves: Mapping[int, Shelf]) -> PseudoFacts | None:
    """What a manifest says of the pseudo-labels that trained folds have learnt from."""
    teachers = teachers_of(context, config)
    if teachers is None:
        return None
    folds = {
        fold: PseudoFold(rows=shelf.done["pseudo"], limit=teachers.labels(fold).limit)
        for fold, shelf in shelves.items()
        if shelf.done is not None
    }
    return PseudoFacts(
        pipelines=list(teachers.manifests),
        labels=teachers.config.labels,
        weight=teachers.config.weight,
        of=len(context.contest.test),
        by="spread" if context.contest.task == "regression" else "confidence",
        folds=[folds.get(fold) for fold in context.folds.numbers()],
    )
