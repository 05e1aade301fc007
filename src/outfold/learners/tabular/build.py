"""The networks of a pipeline: which kind it asks for, and those of its trained folds."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from outfold.config.tabular import TabularPipeline
from outfold.contest import Contest
from outfold.learners.neural.loss import network_width
from outfold.learners.tables.table_data import ContestTable
from outfold.learners.tabular.data import AT_ONCE
from outfold.learners.tabular.encoding import FoldTable
from outfold.learners.tabular.entity_embedding_mlp import EmbeddingNetwork, NetworkSpec
from outfold.learners.tabular.tabm import TabmNetwork, TabmSpec, tabm_arguments
from outfold.store.fold_dir import Shelf
from outfold.training.checkpoint import load_member
from outfold.training.composite_losses import EnsembleLoss
from outfold.training.embeddings import embedding_width
from outfold.training.losses import Loss

Network = EmbeddingNetwork | TabmNetwork


class Networks:
    """The networks of one pipeline, entity embeddings or TabM.

    Args:
        table: the contest as the pipeline sees it.
        device: where a trained one is put.
        where: the pipeline's file, for messages.

    Raises:
        ConfigError: ``params`` that TabM has not.
    """

    def __init__(self, table: ContestTable, config: TabularPipeline, device: torch.device, where: str) -> None:
        self.table, self.config, self.device = table, config, device
        self._tabm = tabm_arguments(config.params, where) if config.model == "tabm" else None

    @property
    def contest(self) -> Contest:
        """The contest whose outputs they have."""
        return self.table.contest

    @property
    def pieces(self) -> int:
        """The most pieces in which one sees a number; 0: it takes numbers as they are."""
        return 0 if self._tabm is None or not self._tabm[1] else self._tabm[0]

    @property
    def at_once(self) -> int:
        """Rows of a batch where nothing is learnt."""
        return AT_ONCE if self._tabm is None else max(AT_ONCE // int(self._tabm[2]["k"]), 1)

    def voting(self, loss: Loss) -> Loss:
        """The loss of a network that may be several in one."""
        return loss if self._tabm is None else EnsembleLoss.of(loss)

    def new(self, categories: list[int], numbers: int, edges: Sequence[Sequence[float]]) -> Network:
        """A network for columns of so many categories each, and so many of numbers.

        Args:
            edges: of each number's pieces.
        """
        config = self.config
        widths = [embedding_width(config.embedding_width, count) for count in categories]
        outputs = network_width(self.contest)
        if self._tabm is not None:
            _, width, layers = self._tabm
            return TabmNetwork(
                TabmSpec(categories, widths, edges if width else (), numbers, width, outputs, backbone=layers)
            )
        return EmbeddingNetwork(
            NetworkSpec(
                categories=categories,
                widths=widths,
                numbers=numbers,
                layers=config.layers,
                dropouts=config.layer_dropouts,
                embedding_dropout=config.embedding_dropout,
                outputs=outputs,
            )
        )

    def trained(
        self, fold: int, shelf: Shelf, member: str, fitted: FoldTable | None = None
    ) -> tuple[Network, FoldTable]:
        """A member of a trained fold on the device, in eval mode, and how it sees the table.

        A level that training never saw has the mean of the vectors of all training rows, where no missing value has
        taught the network one.
        """
        fitted = fitted or FoldTable.of(self.table, shelf, fold)
        model = self.new(fitted.categories, len(fitted.encoding.standard.columns), fitted.edges)
        model.load_state_dict(load_member(shelf, member))
        for place, level in enumerate(fitted.encoding.levels.values()):
            if not level.counts[0]:
                vectors = model.embeddings.of(place)
                counts = torch.tensor(level.counts, dtype=torch.float32)
                vectors[0] = (counts / counts.sum()) @ vectors
        return model.to(self.device).eval().requires_grad_(False), fitted
