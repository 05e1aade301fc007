"""A hyper-parameter that moves while a phase lasts: everything can be scheduled."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    NonNegativeFloat,
    Tag,
    model_serializer,
    model_validator,
)

from outfold.config.model import StrictModel


class Ramp(StrictModel):
    """A value that moves from the first step of the phase to its last; a number instead stays as it is."""

    model_config = ConfigDict(populate_by_name=True, json_schema_extra={"required": ["from"]})

    start: NonNegativeFloat = Field(alias="from")
    """The value at the first step."""
    end: NonNegativeFloat = Field(alias="to")
    """The value at the last step; left out with shape: constant."""
    shape: Literal["constant", "linear", "cosine"] = "linear"
    """linear; cosine: slow at both ends; constant: stays at from, as a plain number does."""

    @model_validator(mode="before")
    @classmethod
    def _stays(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("shape") != "constant" or "from" not in given:
            return given
        if given.get("to", given["from"]) != given["from"]:
            raise ValueError("shape: constant stays at from:; leave to: out, or take linear or cosine")
        return {**given, "to": given["from"]}

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        return {"from": self.start, "to": self.end, "shape": self.shape}


def _below_one(ramp: Ramp) -> Ramp:
    if max(ramp.start, ramp.end) >= 1:
        raise ValueError("from and to must be less than 1")
    return ramp


def _form(value: Any) -> str:
    """Which of the two is meant: an error then speaks of that one alone."""
    return "ramp" if isinstance(value, (dict, Ramp)) else "number"


Amount = Annotated[
    Annotated[NonNegativeFloat, Tag("number")] | Annotated[Ramp, Tag("ramp")],
    Discriminator(_form),
]
"""A number from 0 up, or a ramp of such."""
Share = Annotated[
    Annotated[float, Field(ge=0, lt=1), Tag("number")] | Annotated[Ramp, AfterValidator(_below_one), Tag("ramp")],
    Discriminator(_form),
]
"""A number in [0, 1), or a ramp of such."""
