"""What a kind of feature is: made of the rows as they are, or by what a fold's training part taught."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.errors import ConfigError, nearest, some

Places = tuple[NDArray[np.int64], NDArray[np.int64]]
Role = Literal["number", "category", "date", "text"]


class Made(NamedTuple):
    """A column that a feature makes."""

    name: str
    role: Role


class Targets(NamedTuple):
    """The targets of training rows as numbers, in the order of the rows.

    Attributes:
        names: the outputs.
        values: (n, outputs) float64; of classes 0 and 1.
    """

    names: Sequence[str]
    values: NDArray[np.float64]

    def some(self, places: NDArray[np.int64]) -> Targets:
        """Of these rows only."""
        return Targets(self.names, self.values[places])


@dataclass(frozen=True)
class Step(ABC):
    """One step of making features.

    Attributes:
        sources: the columns that it is made of; the frames that its functions get hold these.
        made: the columns that it makes, in order.
    """

    sources: tuple[str, ...]
    made: tuple[Made, ...]

    @property
    def names(self) -> list[str]:
        """The columns that it makes."""
        return [column.name for column in self.made]

    @property
    def replaces(self) -> tuple[str, ...]:
        """Sources in whose place a learner sees what is made of them."""
        return ()


class Plain(Step):
    """A feature of what is known in advance: it never sees a target, and learns nothing."""

    whole: ClassVar[bool] = False
    """Whether a row's value depends on other rows: it is then made once, of all training and test rows together."""

    @abstractmethod
    def make(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The columns of ``made`` for these rows, with the index of ``rows``."""


class Fitted(Step):
    """A feature that is learnt from a fold's training part alone."""

    from_targets: ClassVar[bool] = False
    """Whether the targets teach it; ``fit`` gets None in their place otherwise."""
    crossed: ClassVar[bool] = False
    """Whether training rows get what other training rows taught (cross-fitting), and not what they themselves did."""

    @abstractmethod
    def fit(self, rows: pd.DataFrame, targets: Targets | None) -> pd.DataFrame:
        """What these training rows teach, as a table that a Parquet file can hold. Their order does not matter."""

    @abstractmethod
    def apply(self, rows: pd.DataFrame, learnt: pd.DataFrame) -> pd.DataFrame:
        """The columns of ``made`` for any rows, with the index of ``rows``."""

    def cross(self, rows: pd.DataFrame, targets: Targets, parts: Sequence[Places]) -> pd.DataFrame:
        """The columns of training rows, each by what rows of other parts teach.

        Args:
            parts: places of the rows to learn from, and of those to give to, of which each row is once at most; one
                that is in none (the earliest of a time series) has missing values.
        """
        given = [self.apply(rows.iloc[give], self.fit(rows.iloc[learn], targets.some(learn))) for learn, give in parts]
        nothing = pd.DataFrame(columns=self.names, index=rows.index[:0])
        return pd.concat(given or [nothing]).reindex(rows.index)


@dataclass(frozen=True)
class Setting:
    """What a feature is made in.

    Attributes:
        where: the file and the key, for messages.
        roles: the columns there are, own and made before, and what each holds.
        outputs: the names of a model's outputs.
        lacking: columns of the training table that the test set has not.
        gaps: tells the contest's own columns of which some training row has no value.
        own: the contest's columns that a feature may be made of.
    """

    where: str
    roles: Mapping[str, Role]
    outputs: Sequence[str]
    lacking: Sequence[str]
    gaps: Callable[[], Sequence[str]]
    own: Sequence[str] = ()

    def refuse(self, message: str, remedy: str | None = None) -> NoReturn:
        """Raises ConfigError with the place."""
        raise ConfigError(f"{self.where}: {message}", remedy=remedy)

    def known(self, names: Sequence[str]) -> tuple[str, ...]:
        """The names, where all are columns.

        Raises:
            ConfigError: one is not, with the nearest names.
        """
        for name in names:
            if name in self.lacking:
                self.refuse(f"'{name}' is not in the test set, and a feature is made of columns that are")
            if name not in self.roles:
                there = list(self.roles)
                self.refuse(f"no such column '{name}'; {nearest(name, there) or f'there are {some(there, 10)}'}")
        return tuple(names)

    def of_role(self, names: Sequence[str], role: Role, plural: str) -> tuple[str, ...]:
        """The names, where all are columns of this role.

        Raises:
            ConfigError: one is not.
        """
        for name in self.known(names):
            if self.roles[name] != role:
                self.refuse(
                    f"'{name}' holds {_PLURAL[self.roles[name]]}; expected a column of {plural}", _REMEDY.get(role)
                )
        return tuple(names)

    def numbers(self, names: Sequence[str]) -> tuple[str, ...]:
        """The names, where all are columns of numbers."""
        return self.of_role(names, "number", "numbers")

    def named(self, names: Sequence[str], override: str | None) -> list[str]:
        """The names of made columns, or the one that the file gives.

        Raises:
            ConfigError: it gives one for several.
        """
        if override is None:
            return list(names)
        if len(names) != 1:
            self.refuse(f"name: is for one column, and this makes {len(names)}: {some(names, 10)}")
        return [override]


_REMEDY: dict[Role, str] = {
    "date": "Dates that are text are named in competition/competition.yaml: `columns: {dates: [...]}`.",
    "number": "Codes that are numbers are named in competition/competition.yaml: `columns: {continuous: [...]}`.",
}
_PLURAL: dict[Role, str] = {"number": "numbers", "category": "categories", "date": "dates", "text": "text"}


def keys_of(keys: Sequence[str | list[str]]) -> list[tuple[str, ...]]:
    """Columns and combinations of them, each as a tuple."""
    return [(key,) if isinstance(key, str) else tuple(key) for key in keys]


def label(key: Sequence[str]) -> str:
    """What a column or a combination is called: ``Store``, ``Store+Promo``."""
    return "+".join(key)


def framed(rows: pd.DataFrame, names: Sequence[str], columns: Sequence[Any]) -> pd.DataFrame:
    """Columns under these names, with the index of ``rows``."""
    return pd.DataFrame(dict(zip(names, columns, strict=True)), index=rows.index, columns=list(names))
