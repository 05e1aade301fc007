"""``features:``, what is made of a table's columns: a kind each, in the order in which they are made."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)

from outfold.config.base import StrictModel
from outfold.config.learnt_features import (
    Aggregate,
    Bins,
    Count,
    Frequency,
    PipelineEmbeddings,
    Rank,
    Rare,
    TargetEncoding,
)
from outfold.config.row_features import (
    Cyclical,
    DateParts,
    Extract,
    Interaction,
    Missing,
    MissingCount,
    TextLength,
    Transform,
)
from outfold.config.time_features import Elapsed, History, Lags, Rolling
from outfold.config.value_types import TEXT, JsonSchema, short_form

_NAMES: JsonSchema = {"type": "array", "items": {"type": ["string", "array"]}, "minItems": 1}


@short_form(TEXT, _NAMES)
def _columns(value: Any) -> Any:
    """A name or a list is short for the columns alone."""
    return {"columns": value} if isinstance(value, str | list) else value


@short_form(TEXT, _NAMES)
def _columns_or_all(value: Any) -> Any:
    return {} if value == "all" else _columns(value)


@short_form(TEXT)
def _hook(value: Any) -> Any:
    return {"hook": value} if isinstance(value, str) else value


Short = BeforeValidator(_columns)


class Function(StrictModel):
    """Columns by a function of `hooks.py`."""

    hook: str = Field(pattern=r"^hooks\.py:[A-Za-z_]\w*$")
    """`hooks.py:name`, a function `name(train, rows)` of two DataFrames by id: the training part with its targets, and rows without; it returns new columns for `rows`, by id."""


class Feature(StrictModel):
    """One entry of `features`: one of these keys, which is the kind of feature."""

    date_parts: Annotated[DateParts, Short] | None = None
    """Parts of dates, chosen: years, months, quarters, weekends."""
    cyclical: Cyclical | None = None
    """The sine and cosine of what comes round: hours, months."""
    missing: Annotated[Missing, BeforeValidator(_columns_or_all)] | None = None
    """Whether a value is missing."""
    missing_count: Annotated[MissingCount, BeforeValidator(_columns_or_all)] | None = None
    """How many values a row lacks."""
    text_length: Annotated[TextLength, Short] | None = None
    """Characters, words, and shares of a text."""
    extract: Extract | None = None
    """What a regular expression finds in a text."""
    transform: Annotated[Transform, Short] | None = None
    """The logarithm, the root or the square of a number."""
    count: Annotated[Count, Short] | None = None
    """How many training rows have the same value, or combination of values."""
    frequency: Annotated[Frequency, Short] | None = None
    """Which share of the training rows has the same value, or combination of values."""
    rare: Annotated[Rare, Short] | None = None
    """A category with its rare levels as one."""
    aggregate: Aggregate | None = None
    """The mean, spread, extremes, median or number of values of a group, and a row beside them."""
    bins: Annotated[Bins, Short] | None = None
    """Quantile bins of a number, as categories."""
    rank: Annotated[Rank, Short] | None = None
    """A number as its place among the training rows' values."""
    interaction: Annotated[Interaction, Short] | None = None
    """Several columns as one: combined categories, or products, ratios, differences and sums of numbers."""
    target_encoding: Annotated[TargetEncoding, Short] | None = None
    """The mean of the target by value, cross-fitted inside each fold's training part with the contest's own splitter."""
    elapsed: Elapsed | None = None
    """The time since the last event of a column in the row's group, or until the next."""
    rolling: Rolling | None = None
    """Sums, means and the like of a column over the time before or after the row, in its group."""
    lags: Lags | None = None
    """The value that a column had some time before, in the row's group."""
    history: History | None = None
    """Lags and windows of the target, from rows of the fold's training part before the row's time."""
    embeddings: PipelineEmbeddings | None = None
    """What the networks of another pipeline, `learner: tabular`, have learnt of categories. In a pipeline's features alone."""
    function: Annotated[Function, BeforeValidator(_hook)] | None = None
    """Columns by a function of `hooks.py` that learns from the training part, cross-fitted."""

    @model_validator(mode="before")
    @classmethod
    def _not_a_column(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError(
                f"expected a kind and its columns, as in `count: {value}`; a pipeline names columns to use"
            )
        return value

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
