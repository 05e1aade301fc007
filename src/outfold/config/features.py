"""``features:``, what is made of a table's columns: a kind each, in the order in which they are made."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)

from outfold.config.model import StrictModel
from outfold.config.time_features import Elapsed, History, Lags, Rolling


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _columns(value: Any) -> Any:
    """A name or a list is short for the columns alone."""
    return {"columns": value} if isinstance(value, str | list) else value


Names = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]
"""Columns."""
Keys = Annotated[list[str | Annotated[list[str], Field(min_length=2)]], BeforeValidator(_listed), Field(min_length=1)]
"""Columns, each by itself; a list among them is the combination of its columns."""
Short = BeforeValidator(_columns)


class Count(StrictModel):
    """How many training rows have the same value."""

    columns: Keys
    """Columns; a list among them is a combination. Each makes a column: `Store.count`, `Store+Promo.count`."""
    name: str | None = None
    """What to call the column, where one is made."""


class Interaction(StrictModel):
    """Columns together as one."""

    columns: Annotated[list[str], Field(min_length=2)]
    """The columns: two or more for combined, sum and product, two for ratio and difference."""
    how: Literal["combined", "product", "ratio", "difference", "sum"] = "combined"
    """combined: a category for each combination of their values (`Sex+Pclass`). The others are of numbers (`a.times_b`, `a.over_b`, `a.minus_b`, `a.plus_b`)."""
    name: str | None = None
    """What to call the column."""


class TargetEncoding(StrictModel):
    """The mean of the target among the training rows of the same value; training rows get that of other rows, cross-fitted."""

    columns: Keys
    """Columns; a list among them is a combination. Each makes a column for each output: `Sales.mean_by_Store`."""
    smoothing: float = Field(default=10.0, ge=0)
    """The mean is that of the value's rows and of so many more rows of the overall mean."""
    name: str | None = None
    """What to call the column, where one is made."""


class Feature(StrictModel):
    """One entry of `features`: one of these keys, which is the kind of feature."""

    count: Annotated[Count, Short] | None = None
    """How many training rows have the same value, or combination of values."""
    interaction: Annotated[Interaction, Short] | None = None
    """Several columns as one: combined categories, or products, ratios, differences and sums of numbers."""
    target_encoding: Annotated[TargetEncoding, Short] | None = None
    """The mean of the target by value, cross-fitted inside each fold's training part with the contest's own splitter."""
    elapsed: Elapsed | None = None
    """The time since the last event of a column in the row's group, and until the next."""
    rolling: Rolling | None = None
    """Sums, means and the like of a column over the time before or after the row, in its group."""
    lags: Lags | None = None
    """The value that a column had some time before, in the row's group."""
    history: History | None = None
    """Lags and windows of the target, from rows of the fold's training part before the row's time."""

    @model_validator(mode="after")
    def _one_kind(self) -> Feature:
        found = [kind for kind in type(self).model_fields if getattr(self, kind) is not None]
        if len(found) != 1:
            raise ValueError(
                f"an entry is one kind of feature; found {', '.join(found) or 'none'}. Begin each with a dash"
            )
        return self

    @model_serializer(mode="wrap")
    def _the_one(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {kind: keys for kind, keys in handler(self).items() if keys is not None}

    @property
    def kind(self) -> str:
        """The key that the entry has."""
        return next(kind for kind in type(self).model_fields if getattr(self, kind) is not None)

    @property
    def keys(self) -> Any:
        """What stands under it: the kind's own model."""
        return getattr(self, self.kind)


ColumnOrFeature = Annotated[
    Annotated[str, Tag("a column")] | Annotated[Feature, Tag("a feature")],
    Discriminator(lambda value: "a feature" if isinstance(value, dict | Feature) else "a column"),
]
"""A column's name, or a feature to make."""
