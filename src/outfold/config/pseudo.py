"""Pseudo-labels: test rows that a pipeline learns from as other pipelines predict them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from outfold.config.model import StrictModel
from outfold.config.shorthand import listed

CONFIDENCE = 0.95
"""Of classes, where neither ``confidence`` nor ``share`` is said."""


class Pseudo(StrictModel):
    """Test rows beside the training rows: those on which the teachers are sure, labelled by what they predict."""

    pipelines: Annotated[list[str], BeforeValidator(listed)] = Field(min_length=1)
    """The teachers: other pipelines of the contest. The model of fold k learns from what their models of fold k predict, each pipeline counting the same."""
    confidence: float | None = Field(default=None, gt=0, le=1)
    """Classes: take the test rows with at least this probability of the likeliest class (of tags: each of them, on or off). Left out, and without share: 0.95."""
    share: float | None = Field(default=None, gt=0, le=1)
    """In place of confidence: take this share of the test rows, the surest first. For numbers, those on which the teachers' members differ least."""
    labels: Literal["soft", "hard"] = "soft"
    """soft: the teachers' probabilities are the target. hard: the likeliest class is."""
    weight: float = Field(default=1.0, gt=0)
    """How much a test row counts in the loss; a training row counts 1."""

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Pseudo:
        if self.confidence is not None and self.share is not None:
            raise ValueError("give confidence: or share:, not both")
        if len(set(self.pipelines)) < len(self.pipelines):
            raise ValueError("pipelines: each once")
        return self
