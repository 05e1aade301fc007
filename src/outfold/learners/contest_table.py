"""What a learner of tables sees of a contest: the columns that its pipeline asks for, and numbers from the images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.config.image_features import Backbone, ImageFeatures, PipelineBackbone
from outfold.contest import Contest
from outfold.data.image_features import image_features
from outfold.errors import ConfigError, DataError, nearest, some
from outfold.learners.learner import Part
from outfold.progress import Reporter

IMAGE = "image"
"""What a pipeline's ``features`` calls the features from images; their columns are called ``image.<feature>``."""


class Columns(NamedTuple):
    """Columns of the contest's table by what they are, and whether there are images."""

    continuous: list[str]
    categorical: list[str]
    dates: list[str]
    images: bool


class ContestTable:
    """The rows of a contest as one pipeline of tables sees them, by id.

    Args:
        features: use these columns only; None: all that have a role.
        settings: what to take from images.
        name: the pipeline's, which with its ``learner`` is for messages.

    Raises:
        ConfigError: a feature that the contest has not, or none at all; a backbone's pipeline without a network.
    """

    def __init__(
        self,
        contest: Contest,
        features: Sequence[str] | None,
        settings: ImageFeatures,
        name: str,
        learner: str,
        reporter: Reporter,
    ) -> None:
        self.contest, self.settings, self.name, self.reporter = contest, settings, name, reporter
        self.where: Path = contest.layout.pipeline_config(name)
        self.columns = self._chosen(features, learner)
        if isinstance(settings.backbone, PipelineBackbone) and self.columns.images:
            from outfold.learners.network_features import network_config

            network_config(contest.layout, settings.backbone, str(self.where))
        self._images: dict[Part, tuple[pd.DataFrame, pd.Series]] = {}
        self._networks: dict[tuple[Part, int], pd.DataFrame] = {}

    def check(self) -> None:
        """Describe the images of both parts now, so that unreadable ones are told before anything is trained.

        Raises:
            DataError: images that cannot be read, all of a part told together (``on_bad_image: error``).
        """
        if self.columns.images:
            self._described("train")
            self._described("test")

    def images(self, part: Part, ids: pd.Index, fold: int) -> pd.DataFrame | None:
        """float32 features from the images of these rows, or None where the pipeline takes none.

        Args:
            fold: whose model they are for: another pipeline's network has a form for each fold.
        """
        if not self.columns.images:
            return None
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

    def legible(self, part: Part, ids: pd.Index) -> NDArray[np.bool_]:
        """Which of these rows have an image that can be read; all of them where the pipeline takes none."""
        if not self.columns.images:
            return np.ones(len(ids), dtype=bool)
        return np.asarray(self._described(part)[1].loc[ids] == "")

    def _chosen(self, features: Sequence[str] | None, learner: str) -> Columns:
        roles = self.contest.roles
        known = [*roles.continuous, *roles.categorical, *roles.dates, *([IMAGE] if roles.image else [])]
        for column in features or ():
            if column not in known:
                hint = nearest(column, known) or f"there are {some(known, 10)}"
                raise ConfigError(f"{self.where}: features: no such column '{column}'; {hint}")
        wanted = set(known if features is None else features)
        if not wanted:
            raise ConfigError(
                f"{self.where}: the contest has no columns that {learner} can learn from",
                remedy=f"Give some a role (continuous, categorical, dates) in {self.contest.layout.competition}.",
            )
        continuous, categorical, dates = (
            [column for column in columns if column in wanted]
            for columns in (roles.continuous, roles.categorical, roles.dates)
        )
        return Columns(continuous, categorical, dates, roles.image and IMAGE in wanted)

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
                from outfold.learners.backbone_features import backbone_features

                further = backbone_features(self.contest, part, self.settings.backbone, str(self.where), self.reporter)
                table = pd.concat([table, further], axis=1)
            unread = bad.index[bad != ""]
            if len(unread):
                self.reporter.warn(f"{len(unread)} {part} images cannot be read ({some(unread)}): taken as plain grey")
            self._images[part] = table, bad
        return self._images[part]

    def _seen_through(self, backbone: PipelineBackbone, part: Part, fold: int) -> pd.DataFrame:
        """The activations of a fold's network for all images of a part, by id."""
        if (part, fold) not in self._networks:
            from outfold.learners.network_features import network_features

            self._networks[part, fold] = network_features(
                self.contest, part, fold, backbone, str(self.where), self.reporter
            )
        return self._networks[part, fold]
