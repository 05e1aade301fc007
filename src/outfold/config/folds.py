"""``folds:`` of the contest file: how the training rows are split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, Field, ModelWrapValidatorHandler, model_validator

from outfold.config.base import StrictModel
from outfold.config.time_features import Span

FoldKind = Literal[
    "kfold",
    "stratified",
    "group",
    "stratified_group",
    "multilabel_stratified",
    "time_series",
    "column",
    "holdout",
    "stratified_regression",
]


def _some_rows(rows: int) -> int:
    if rows < 1:
        raise ValueError(f"{rows} rows are no gap: expected a whole number of rows above 0, or a time such as 7D")
    return rows


Gap = Annotated[int, Field(strict=True), AfterValidator(_some_rows)] | Span
"""Whole numbers are rows; ``7D``, or ``7.0`` of a column that counts, is a length of time."""

SHUFFLED = ("kfold", "stratified", "group", "stratified_group", "multilabel_stratified", "stratified_regression")
USED_BY: Mapping[str, tuple[str, ...]] = {
    "n": (*SHUFFLED, "time_series"),
    "seed": (*SHUFFLED, "holdout"),
    "repeats": SHUFFLED,
    "column": ("column",),
    "fraction": ("holdout",),
    "span": ("time_series", "holdout"),
    "gap": ("time_series", "holdout", "column"),
    "bins": ("stratified_regression",),
    "date": ("time_series", "holdout", "column"),
}
"""The kinds for which a key has an effect; ``group`` has one for all: it is kept whole inside training parts."""
IMPLIES: Mapping[str, FoldKind] = {
    "column": "column",
    "fraction": "holdout",
    "bins": "stratified_regression",
    "span": "time_series",
    "gap": "time_series",
    "date": "time_series",
}
"""The kind that a key implies where ``kind`` is left out; the first key that is given decides."""


class FoldsConfig(StrictModel):
    """How the training rows are split."""

    kind: FoldKind | None = None
    """The splitter. Left out: by the other keys, column for `column`, holdout for `fraction`, time_series for `date`, stratified_regression for `bins`; else stratified for classes, multilabel_stratified for tags, kfold for numbers; with a group column, its group form."""
    n: int = Field(default=5, ge=2, le=100)
    """Number of folds a repeat."""
    seed: int = Field(default=42, ge=0, le=2**32 - 1)
    """Seed of the shuffle."""
    repeats: int = Field(default=1, ge=1, le=50)
    """Repeat the whole split with other shuffles; each row is then scored once a repeat."""
    group: str | None = None
    """The group column of this split; columns.group where left out."""
    date: str | None = None
    """The date column, for time_series (and for a holdout of the latest rows)."""
    column: str | None = None
    """A column of train.csv that already holds the fold of each row, for kind: column."""
    fraction: float = Field(default=0.2, gt=0, lt=1)
    """Share of the rows that a holdout scores."""
    span: Span | None = None
    """With `date`: the length of time that a fold scores, such as 48D: the latest of a holdout, in place of `fraction`; of a time_series, each of `n` stretches at its end."""
    gap: Gap | None = None
    """With `date`: an embargo. Rows that lie less than this before or after the scored rows train no model of that fold: a length of time such as 7D (or 7.0 of a column that counts), or a whole number of rows. Splits inside the training part keep it, too."""
    bins: int | None = Field(default=None, ge=2)
    """Quantile bins of stratified_regression."""

    @property
    def implied_by(self) -> str | None:
        """The key that ``kind`` was inferred from; None where the file states it, or only the target decides."""
        if self.kind is None or "kind" in self.model_fields_set:
            return None
        return next(key for key in IMPLIES if self.sets(key))

    @model_validator(mode="wrap")
    @classmethod
    def _kind_of_the_keys(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(given, dict) or given.get("kind") is not None:
            return handler(given)
        kind = next((kind for key, kind in IMPLIES.items() if given.get(key) is not None), None)
        if kind is None:
            return handler(given)
        made = handler({**given, "kind": kind})
        made.__pydantic_fields_set__.discard("kind")
        return made

    def idle(self) -> dict[str, str]:
        """The keys that the kind has no use for."""
        if self.kind is None:
            return {key: "" for key, kinds in USED_BY.items() if "kfold" not in kinds}
        why = f"has no effect with kind: {self.kind}" + f" (inferred from {self.implied_by}:)" * bool(self.implied_by)
        idle = {
            key: f"{why}; it belongs to kind: {_joined(kinds)}"
            for key, kinds in USED_BY.items()
            if self.kind not in kinds
        }
        if self.date is None:
            dateless = "has no effect without a date column; add date: <column>"
            idle |= {key: dateless for key in ("span", "gap") if key not in idle}
        elif self.kind == "column" and self.gap is None:
            idle["date"] = f"{why} but for a gap; leave it out, or add gap:"
        if self.kind == "holdout" and self.date is not None:
            idle["seed"] = "has no effect with date: the latest rows are scored, none are drawn"
        if self.span is not None:
            idle.setdefault("fraction", "has no effect with span:, which says what the holdout scores; keep one")
        return idle

    @model_validator(mode="after")
    def _no_idle_keys(self) -> Self:
        return self  # a base's validator comes before the kind is known to be inferred

    @model_validator(mode="after")
    def _keys_of_the_kind(self) -> Self:
        self.refuse_idle()
        if self.kind == "time_series" and self.date is None:
            raise ValueError(f"{self.implied_by or 'kind'}: kind time_series needs a date column; add date: <column>")
        if self.kind == "column" and self.column is None:
            raise ValueError("kind: column needs a column; add column: <column of the training table>")
        return self


def _joined(kinds: tuple[str, ...]) -> str:
    return (
        " or ".join(kinds) if len(kinds) < len(get_args(FoldKind)) // 2 else f"{', '.join(kinds[:-1])} or {kinds[-1]}"
    )
