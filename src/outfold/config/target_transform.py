"""``target_transform``: numbers that a model learns on another scale."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

TransformName = Literal["log", "log1p", "sqrt", "cbrt", "asinh", "logit"]


def _form(value: Any) -> str:
    return "by target" if isinstance(value, dict) else "one"


TargetTransform = Annotated[
    Annotated[TransformName, Tag("one")] | Annotated[dict[str, TransformName], Field(min_length=1), Tag("by target")],
    Discriminator(_form),
]
"""One for every target that is a number, or one each by the target's column."""
