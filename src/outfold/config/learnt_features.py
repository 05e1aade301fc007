"""Features that a fold's training part teaches: counts, groups, quantiles, means of the target."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from outfold.config.base import Keys, Names, StrictModel

Statistic = Literal["mean", "std", "min", "max", "median", "nunique"]


class Count(StrictModel):
    """How many training rows have the same value."""

    columns: Keys
    """Columns; a list among them is a combination. Each makes a column: `Store.count`, `Store+Promo.count`."""
    name: str | None = None
    """What to call the column, where one is made."""


class Frequency(StrictModel):
    """Which share of the training rows has the same value."""

    columns: Keys
    """Columns; a list among them is a combination. Each makes a column: `Store.frequency`."""
    name: str | None = None
    """What to call the column, where one is made."""


class Rare(StrictModel):
    """A category with its rare levels as one."""

    columns: Names
    """Columns. Each makes one: `Store.grouped`. Levels that the training part has not are rare; what is missing stays so."""
    min_count: int = Field(default=10, ge=2)
    """Levels with fewer training rows are rare."""
    name: str | None = None
    """What to call the column, where one is made."""


class Aggregate(StrictModel):
    """Statistics of a column over the training rows of a group, and how a row stands to them."""

    columns: Names
    """Columns of numbers; for nunique any."""
    by: Keys
    """The groups: columns; a list among them is a combination. A missing value is a group; a row of a group that the training part has not gets the statistics of all its rows."""
    statistics: list[Statistic] = Field(default=["mean"], min_length=1)
    """Each makes a column: `Age.mean_by_Sex`. nunique is how many values the group has."""
    relative: list[Literal["difference", "ratio"]] = []
    """The row's own value beside each statistic: `Age.minus_mean_by_Sex`, `Age.over_mean_by_Sex`."""
    only_relative: bool = False
    """Leave out the statistics themselves."""

    @model_validator(mode="after")
    def _relative_to_a_number(self) -> Aggregate:
        if self.only_relative and not self.relative:
            raise ValueError("only_relative: goes with relative:")
        if self.relative and "nunique" in self.statistics:
            raise ValueError("relative: nunique is no number of the column's own kind; put it in another entry")
        return self


class Bins(StrictModel):
    """A number as one of several categories of about as many training rows."""

    columns: Names
    """Columns of numbers. Each makes one: `Age.bin`."""
    n: int = Field(default=10, ge=2, le=1000)
    """How many; fewer where values repeat."""


class Rank(StrictModel):
    """A number as its place among the training rows' values."""

    columns: Names
    """Columns of numbers. Each makes one: `Fare.rank`."""
    to: Literal["uniform", "normal"] = "uniform"
    """uniform: the share of values below it, from 0 to 1. normal: the normal quantile of that share."""


class TargetEncoding(StrictModel):
    """The mean of the target among the training rows of the same value; training rows get that of other rows, cross-fitted."""

    columns: Keys
    """Columns; a list among them is a combination. Each makes a column for each output: `Sales.mean_by_Store`."""
    smoothing: float = Field(default=10.0, ge=0)
    """The mean is that of the value's rows and of so many more rows of the overall mean."""
    name: str | None = None
    """What to call the column, where one is made."""


class PipelineEmbeddings(StrictModel):
    """The vectors of categories in another pipeline's networks, as numbers: for each fold those of its own network."""

    pipeline: str = Field(min_length=1)
    """A pipeline with learner: tabular. It is trained first."""
    columns: Names
    """Columns that it has learnt vectors of. Each makes as many as its vectors have numbers: `Store.embeddings_0` of a pipeline `embeddings`. A part of a date is named as the pipeline has it: `Date.month`."""
