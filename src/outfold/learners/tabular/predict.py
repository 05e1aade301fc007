"""Inference: the members of a trained fold on rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from outfold.errors import DataError
from outfold.learners.learner import Part
from outfold.learners.neural.loss import voting_loss
from outfold.learners.neural.trained import told_of
from outfold.learners.tabular.encoded import FoldTable, rows_of
from outfold.store.shelf import Shelf
from outfold.training.checkpoint import load_member
from outfold.training.memory import PREDICTION, memory_told

if TYPE_CHECKING:
    from outfold.learners.tabular.learner import Network, TabularLearner


def predictions(
    learner: TabularLearner, part: Part, ids: pd.Index, fold: int, shelf: Shelf
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Each member's name, and what it predicts: (n, outputs) in the order of the ids.

    The rows are made into codes and numbers once for all members; to be used within ``reproducible``.

    Raises:
        DataError: the contest's table has not the columns that the fold was trained on.
    """
    facts = told_of(shelf)
    loss = learner.voting(voting_loss(learner.contest, learner.config, facts)).to(learner.device)
    with memory_told(f"{learner.name}: predict {part}", PREDICTION):
        model, fitted = fold_network(learner, fold, shelf, facts["members"][0])
        try:
            codes, numbers = fitted.apply(part, ids)
        except KeyError as error:
            raise DataError(
                f"{shelf.folder}: trained on other features than the contest has now ({error})",
                remedy=f"Remove {shelf.folder} and run `outfold train {learner.name}`.",
            ) from None
        rows = rows_of(model.embeddings, codes, numbers, learner.device)
        for member in facts["members"]:
            model, _ = fold_network(learner, fold, shelf, member, fitted)
            with torch.inference_mode():
                pieces = zip(*(tensor.split(learner.at_once) for tensor in rows), strict=True)
                outputs = [loss.predictions(model(piece)).cpu().numpy() for piece in pieces]
            yield member, np.concatenate([np.empty((0, len(learner.contest.outputs)), np.float32), *outputs])


def fold_network(
    learner: TabularLearner, fold: int, shelf: Shelf, member: str, fitted: FoldTable | None = None
) -> tuple[Network, FoldTable]:
    """A member of a trained fold on the learner's device, in eval mode, and how it sees the table.

    A level that training never saw has the mean of the vectors of all training rows, where no missing value has taught
    the network one.
    """
    fitted = fitted or FoldTable.of(learner.table, shelf, fold)
    model = learner.network(fitted.categories, len(fitted.encoding.standard.columns), fitted.edges)
    model.load_state_dict(load_member(shelf, member))
    for place, level in enumerate(fitted.encoding.levels.values()):
        if not level.counts[0]:
            vectors = model.embeddings.of(place)
            counts = torch.tensor(level.counts, dtype=torch.float32)
            vectors[0] = (counts / counts.sum()) @ vectors
    return model.to(learner.device).eval().requires_grad_(False), fitted
