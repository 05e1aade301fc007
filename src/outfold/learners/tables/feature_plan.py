"""What a pipeline's learner is to see of the table: columns of the contest, and the steps by which others are made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from outfold.config.features import Feature
from outfold.config.table_pipeline import TablePipelineBase
from outfold.contest import Contest
from outfold.data.encoding.date_parts import DATE_PARTS
from outfold.data.features.base import Fitted, Plain, Role, Setting, Step
from outfold.data.features.registry import KINDS
from outfold.data.reading.column_types import is_text
from outfold.errors import ConfigError, nearest, some
from outfold.learners.tables import hook_feature

IMAGE = "image"
"""What a pipeline's ``features`` calls the features from images; their columns are called ``image.<feature>``."""


class Columns(NamedTuple):
    """Columns of a table by what they are, those that were made included, and whether there are images."""

    continuous: list[str]
    categorical: list[str]
    dates: list[str]
    images: bool

    @property
    def names(self) -> list[str]:
        """The columns of the table."""
        return [*self.continuous, *self.categorical, *self.dates]

    @property
    def by_kind(self) -> dict[str, list[str]]:
        """The columns of the table, as whoever makes numbers of them asks for them."""
        return {"continuous": self.continuous, "categorical": self.categorical, "dates": self.dates}


@dataclass(frozen=True)
class FeaturePlan:
    """How the columns of a learner come about.

    Attributes:
        early: steps of the contest's own columns that learn nothing: made once, of all rows.
        late: the others, in order: what is learnt from a fold's training part, and what is made of that.
        columns: what the learner sees; columns of the user's functions are known when these have been called.
        drop: columns that the learner is not to see, and that must come from the user's functions.
    """

    early: tuple[Plain, ...]
    late: tuple[Step, ...]
    columns: Columns
    drop: tuple[str, ...]

    @property
    def fitted(self) -> list[Fitted]:
        """The steps that learn, in order."""
        return [step for step in self.late if isinstance(step, Fitted)]


def planned(contest: Contest, config: TablePipelineBase, where: str) -> FeaturePlan:
    """The plan of a pipeline: the contest's features, then its own.

    Args:
        where: the pipeline's file, for messages.

    Raises:
        ConfigError: a column that is not there, one that is made twice, a feature that cannot be made of its columns,
            or no column at all.
    """
    planner = _Planner(contest)
    planner.add(contest.config.features, f"{contest.layout.competition}: features")
    of_contest = set(planner.made)
    # where columns are named beside features, a feature's number is its place in the whole list
    numbered = [(place, entry) for place, entry in enumerate(config.features or ()) if isinstance(entry, Feature)]
    for place, entry in numbered:
        planner.add_one(entry, f"{where}: features[{place}]")
    columns, unknown = planner.seen(config, where, of_contest)
    return FeaturePlan(tuple(planner.early), tuple(planner.late), columns, tuple(unknown))


class _Planner:
    """Columns as they become known, step by step."""

    def __init__(self, contest: Contest) -> None:
        self.contest = contest
        self.roles: dict[str, Role] = dict(_own_roles(contest))
        self._own = list(self.roles)
        self.made: dict[str, Role] = {}
        self.early: list[Plain] = []
        self.late: list[Step] = []
        self._replaced: set[str] = set()
        self._of_fold: set[str] = set()
        self._of_targets: set[str] = set()

    def add(self, entries: Sequence[Feature], where: str) -> None:
        """Further entries, in order."""
        for place, entry in enumerate(entries):
            if entry.embeddings is not None:
                raise ConfigError(
                    f"{where}[{place}]: embeddings: the pipeline that learns them would learn from itself",
                    remedy="Say them in the features: of the pipelines that are to have them.",
                )
            self.add_one(entry, f"{where}[{place}]")

    def add_one(self, entry: Feature, where: str) -> None:
        """The steps of one entry."""
        lacking = [name for name in self.contest.train.columns if name not in self.contest.test.columns]
        setting = Setting(f"{where}.{entry.kind}", self.roles, self.contest.outputs, lacking, self._gaps, self._own)
        for step in self._steps(entry, setting):
            self._check(step, setting)
            sources = set(step.sources)
            learns = isinstance(step, Fitted)
            if isinstance(step, Plain) and not sources & self._of_fold:
                self.early.append(step)
            else:
                self.late.append(step)
                self._of_fold.update(step.names)
            if (isinstance(step, Fitted) and step.from_targets) or (not learns and sources & self._of_targets):
                self._of_targets.update(step.names)
            self.made.update(dict(step.made))
            self.roles.update(dict(step.made))
            self._replaced.update(step.replaces)

    def _steps(self, entry: Feature, setting: Setting) -> Sequence[Step]:
        if entry.embeddings is not None:
            return ()  # they differ from fold to fold: the table has them beside what is made of its rows
        if entry.function is not None:
            return hook_feature.build(entry.function, setting, self.contest)
        return KINDS[entry.kind](entry.keys, setting)

    def seen(self, config: TablePipelineBase, where: str, of_contest: set[str]) -> tuple[Columns, list[str]]:
        """What the learner sees: the columns that it names, or all with a role; what it makes; less what it drops.

        Of the columns to drop, those that only a function of the user's can have made come second.
        """
        roles = self.contest.roles
        own = [*roles.continuous, *roles.categorical, *roles.dates, *([IMAGE] if roles.image else [])]
        offered = [*own, *self.made]
        _check_names(config.named or (), offered, f"{where}: features")
        calls = any(isinstance(step, hook_feature.Hooked) for step in self.late)
        unknown = [name for name in config.drop if name not in {*offered, *self.roles}] if calls else []
        _check_names([name for name in config.drop if name not in unknown], [*offered, *self.roles], f"{where}: drop")
        common = [name for name in [*own, *(n for n in self.made if n in of_contest)] if name not in self._replaced]
        wanted = set(common if config.named is None else config.named)
        wanted |= {name for name in self.made if name not in of_contest}
        wanted -= set(config.drop)
        if not wanted and not calls:
            raise ConfigError(
                f"{where}: the contest has no columns that {config.learner} can learn from",
                remedy=f"Give some a role (continuous, categorical, dates) in {self.contest.layout.competition}.",
            )

        def chosen(names: Sequence[str], role: Role) -> list[str]:
            every = [*names, *(name for name, own in self.made.items() if own == role)]
            return [name for name in every if name in wanted]

        columns = Columns(
            chosen(roles.continuous, "number"),
            chosen(roles.categorical, "category"),
            chosen(roles.dates, "date"),
            roles.image and IMAGE in wanted,
        )
        parts = {f"{name}.{part}" for name in columns.dates for part in DATE_PARTS}
        clash = sorted(parts & wanted)
        if clash:
            raise ConfigError(
                f"{where}: features: {some(clash)} is also a part of a date that {config.learner} makes",
                remedy="Give the feature another name with name:, or list the date under drop:.",
            )
        return columns, unknown

    def _check(self, step: Step, setting: Setting) -> None:
        for name in step.names:
            if name in self.roles or name in self.contest.config.target or name.startswith(f"{IMAGE}."):
                setting.refuse(f"there is a column '{name}' already", "Give the feature another name with name:.")
        taught = sorted(self._of_targets & set(step.sources))
        if isinstance(step, Fitted) and taught:
            setting.refuse(
                f"'{taught[0]}' is learnt from the targets, and this would learn from it in turn",
                "Make it of other columns: only what learns nothing (interaction, cyclical) is made of such a one.",
            )
        fitted = sorted(self._of_fold & set(step.sources))
        if isinstance(step, Plain) and step.whole and fitted:
            setting.refuse(
                f"'{fitted[0]}' is learnt from a fold's training part, and this is made once, of all rows together",
                "Make it of columns that do not depend on the fold.",
            )

    def _gaps(self) -> list[str]:
        return [name for name in self._own if self.contest.train[name].hasnans]


def _own_roles(contest: Contest) -> Iterator[tuple[str, Role]]:
    """What each column that both parts have holds: by its role, or where it has none by its values."""
    roles = contest.roles
    declared: dict[str, Role] = {
        **dict.fromkeys(roles.continuous, "number"),
        **dict.fromkeys(roles.categorical, "category"),
        **dict.fromkeys(roles.dates, "date"),
        **dict.fromkeys(roles.text, "text"),
    }
    for name, values in contest.train.items():
        if name in contest.test.columns and name not in contest.config.target:
            yield str(name), declared.get(str(name)) or _role(values)


def _role(values: pd.Series) -> Role:
    if pd.api.types.is_datetime64_any_dtype(values):
        return "date"
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return "number"
    return "text" if is_text(values) else "category"


def _check_names(names: Sequence[str], known: Sequence[str], where: str) -> None:
    for name in names:
        if name not in known:
            hint = nearest(name, known) or f"there are {some(known, 10)}"
            raise ConfigError(f"{where}: no such column '{name}'; {hint}")
