"""What a learner of tables sees of a contest: the columns that its pipeline asks for, and numbers from the images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.config.image_features import Backbone, PipelineBackbone
from outfold.config.table_pipeline import TablePipelineBase
from outfold.contest import Contest
from outfold.data.encoding.column_view import ByColumn
from outfold.data.images.image_statistics import image_features
from outfold.errors import ConfigError, DataError, some
from outfold.learners.base import Part
from outfold.learners.category_vectors import vector_config, vector_features
from outfold.learners.tables.feature_pipeline import FittedFeatures, MadeFeatures
from outfold.learners.tables.feature_plan import IMAGE, Columns, planned
from outfold.progress import Reporter
from outfold.pseudo_labels import PseudoLabels
from outfold.store.fold_dir import Shelf

_FEW = 100
"""Test rows whose features are made to see that they can be."""


class ContestTable:
    """The rows of a contest as one pipeline of tables sees them, by id.

    Args:
        config: the pipeline, and its name.

    Raises:
        ConfigError: a feature that cannot be made, a column that the contest has not, or none at all; a backbone's
            pipeline without a network.
    """

    def __init__(self, contest: Contest, config: TablePipelineBase, name: str, reporter: Reporter) -> None:
        self.contest, self.settings, self.name, self.reporter = contest, config.image_features, name, reporter
        self.where: Path = contest.layout.pipeline_config(name)
        self._plan = planned(contest, config, str(self.where))
        self._waits_for = config.upstream()
        self._rehearsed: Columns | None = None
        if config.changes("image_features") and not self.takes_images:
            raise ConfigError(
                f"{self.where}: image_features: has no effect: the learner sees no images",
                remedy="Name them (columns.image in the contest file), and list `image` among named features.",
            )
        self._told = False
        self._made = MadeFeatures(contest, self._plan, name, reporter)
        if isinstance(self.settings.backbone, PipelineBackbone) and self.takes_images:
            from outfold.learners.image_embeddings import network_config

            network_config(contest.layout, self.settings.backbone, str(self.where))
        self._vectors = config.vectors
        for one in self._vectors:
            vector_config(contest.layout, one, str(self.where))
        self._images: dict[Part, tuple[pd.DataFrame, pd.Series]] = {}
        self._networks: dict[tuple[Part, int], pd.DataFrame] = {}

    @property
    def columns(self) -> Columns:
        """What the learner sees, made columns included."""
        return self._plan.columns

    @property
    def takes_images(self) -> bool:
        """Whether the learner sees features from images."""
        return self._plan.columns.images

    @property
    def learns(self) -> bool:
        """Whether a column is learnt from the training part, so that a split inside it must learn it anew."""
        return bool(self._plan.fitted)

    def fit(self, ids: pd.Index) -> tuple[FittedFeatures, ByColumn]:
        """What these training rows teach, and the rows: at least the columns that ``FittedFeatures.columns`` names.

        A column that the targets teach is cross-fitted: a training row has it from other training rows.
        """
        if not (self._plan.early or self._plan.late):
            return FittedFeatures(self._plan.columns, ()), self.contest.by_column("train", ids)
        fitted, rows = self._made.fit(ids)
        if not self._told:
            self._told = True
            self.reporter.note(f"{self.name}: {self._made.told(fitted.columns)}")
        return fitted, ByColumn.of(rows)

    def rows(self, part: Part, ids: pd.Index, fitted: FittedFeatures) -> ByColumn:
        """Any rows by id, with the same columns, by what a training part has taught."""
        if not (self._plan.early or self._plan.late):
            return self.contest.by_column(part, ids)
        return ByColumn.of(self._made.rows(part, ids, fitted))

    def fitted(self, shelf: Shelf) -> FittedFeatures:
        """What ``FittedFeatures.put`` left on a fold's shelf."""
        return self._made.of(shelf)

    def check(self) -> None:
        """Describe the images of both parts now, so that unreadable ones are told before anything is trained.

        Raises:
            DataError: images that cannot be read, all of a part told together (``on_bad_image: error``).
        """
        if self.takes_images:
            self._described("train")
            self._described("test")

    @property
    def complete(self) -> bool:
        """Whether all features can be made now; False where some come from the models of other pipelines."""
        return not (self._waits_for or self._vectors)

    def check_fold(self, train: pd.Index) -> tuple[pd.Index, Columns]:
        """Make the features of the first training part that is asked for, and of a few test rows.

        Returns:
            the ids of the rows to learn from, and the columns with those that functions of the user's made.

        Raises:
            DataError: fewer than two rows to learn from.
            ConfigError: a feature that cannot be made, or a function that fails.
        """
        ids = self.readable(train)
        if self._rehearsed is None:
            fitted, _ = self.fit(ids)
            self.rows("test", self.contest.test.index[:_FEW], fitted)
            self._rehearsed = fitted.columns
        return ids, self._rehearsed

    def images(self, part: Part, ids: pd.Index, fold: int) -> pd.DataFrame | None:
        """float32 features from the images of these rows, and vectors of other pipelines' networks; or None.

        Args:
            fold: whose model they are for: another pipeline's network has a form for each fold.
        """
        layers = [self._of_images(part, ids, fold)] if self.takes_images else []
        layers += [vector_features(self.contest, part, ids, fold, one, str(self.where)) for one in self._vectors]
        return pd.concat(layers, axis=1) if layers else None

    def _of_images(self, part: Part, ids: pd.Index, fold: int) -> pd.DataFrame:
        layers = [self._described(part)[0].loc[ids]]
        backbone = self.settings.backbone
        if isinstance(backbone, PipelineBackbone):
            layers.append(self._seen_through(backbone, part, fold).loc[ids])
        return pd.concat(layers, axis=1).add_prefix(f"{IMAGE}.")

    def readable(self, ids: pd.Index) -> pd.Index:
        """The rows to learn from: an unreadable image teaches nothing (``on_bad_image: drop``).

        Raises:
            DataError: fewer than two are left.
        """
        ids = ids[self.legible("train", ids)]
        if len(ids) < 2:
            raise DataError(f"{self.name}: {len(ids)} rows to learn from; expected at least 2")
        return ids

    def teaching(self, pseudo: PseudoLabels | None) -> PseudoLabels | None:
        """Those whose image can be read, as :meth:`readable` does for training rows."""
        return None if pseudo is None else pseudo.some(self.legible("test", pseudo.ids))

    def legible(self, part: Part, ids: pd.Index) -> NDArray[np.bool_]:
        """Which of these rows have an image that can be read; all of them where the pipeline takes none."""
        if not self.takes_images:
            return np.ones(len(ids), dtype=bool)
        return np.asarray(self._described(part)[1].loc[ids] == "")

    def _described(self, part: Part) -> tuple[pd.DataFrame, pd.Series]:
        """Features of all images of a part, and why one could not be read, by id."""
        if part not in self._images:
            ids = (self.contest.train if part == "train" else self.contest.test).index
            table, bad = image_features(
                part,
                self.contest.images(part, ids),
                self.settings,
                self.contest.layout.cache,
                self.reporter,
                on_bad=self.contest.config.on_bad_image,
            )
            table.index = bad.index = ids
            if isinstance(self.settings.backbone, Backbone):
                from outfold.learners.image_embeddings import backbone_features

                further = backbone_features(self.contest, part, self.settings.backbone, str(self.where), self.reporter)
                table = pd.concat([table, further], axis=1)
            unread = bad.index[bad != ""]
            if len(unread):
                left = "no model learns from them" if part == "train" else "predicted from plain grey ones"
                self.reporter.warn(f"{len(unread)} {part} images cannot be read ({some(unread)}): {left}")
            self._images[part] = table, bad
        return self._images[part]

    def _seen_through(self, backbone: PipelineBackbone, part: Part, fold: int) -> pd.DataFrame:
        """The activations of a fold's network for all images of a part, by id."""
        if (part, fold) not in self._networks:
            from outfold.learners.image_embeddings import network_features

            self._networks[part, fold] = network_features(
                self.contest, part, fold, backbone, str(self.where), self.reporter
            )
        return self._networks[part, fold]
