"""What ``outfold tune`` looks for: ranges of numbers, and choices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from outfold.config.base import StrictModel


class Range(StrictModel):
    """Numbers from low to high; whole ones where both are."""

    low: int | float
    """The least value, which is among them."""
    high: int | float
    """The greatest value, which is among them."""
    log: bool = False
    """Search the logarithm: from 0.001 to 0.01 is as far as from 0.01 to 0.1."""
    step: int | float | None = Field(default=None, gt=0)
    """Only low, low + step, low + 2 step, ..."""

    @model_validator(mode="after")
    def _a_range(self) -> Range:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"low: {self.low} and high: {self.high} are no range")
        if self.log and self.low <= 0:
            raise ValueError(f"log: true needs low above 0, found {self.low}")
        if self.log and self.step is not None:
            raise ValueError("log: true has no step")
        if self.whole and isinstance(self.step, float):
            raise ValueError(f"step: {self.step} between whole numbers; write low: {float(self.low)}")
        return self

    @property
    def whole(self) -> bool:
        """Whether all values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def holds(self, value: Any) -> bool:
        """Whether a value is among them."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        if not self.low <= value <= self.high:
            return False
        return self.step is None or math.isclose(math.remainder(value - self.low, self.step), 0.0, abs_tol=1e-9)

    def written(self, value: float) -> int | float:
        """A value as a person would write it: whole, or of four digits."""
        if self.whole:
            return int(value)
        return min(max(float(f"{value:.4g}"), float(self.low)), float(self.high))


Choices = Annotated[list[Any], Field(min_length=1)]
Search = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")],
    Discriminator(lambda value: "choices" if isinstance(value, list) else "range"),
]
Space = Mapping[str, Range | list[Any]]
"""By dotted key of a pipeline's file: the values to search."""


def bounds(search: Range | list[Any]) -> list[Any]:
    """The ends of a range, or every choice: where one of them is refused, so is the search."""
    return [search.low, search.high] if isinstance(search, Range) else list(search)
