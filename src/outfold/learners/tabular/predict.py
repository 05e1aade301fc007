"""Inference: the members of a trained fold on rows of a table."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from outfold.errors import DataError
from outfold.learners.learner import Part
from outfold.learners.neural.loss import voting_loss
from outfold.learners.neural.trained import told_of
from outfold.learners.tabular.encoded import rows_of
from outfold.learners.tabular.networks import Networks
from outfold.store.shelf import Shelf
from outfold.training.memory import PREDICTION, memory_told


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
