"""How training images are changed: a preset by name, or any pipeline of albumentations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Tag

from outfold.config.model import StrictModel

Preset = Literal["none", "basic", "side_on", "top_down", "crop"]
Transform = str | dict[str, dict[str, Any] | None]
"""``HorizontalFlip``, or ``{HorizontalFlip: {p: 0.5}}``; compositions hold theirs as ``{OneOf: {transforms: [...]}}``."""


class Albumentations(StrictModel):
    """Transforms of the albumentations library, and a preset after them; a bare list is short for the first."""

    albumentations: list[Transform]
    """Names, or a name and its arguments: `[{Rotate: {limit: 30}}, HorizontalFlip]`. Applied in this order to the decoded image."""
    preset: Preset = "none"
    """A preset that follows them, on the device."""


def _kind(value: Any) -> str:
    if isinstance(value, (dict, Albumentations)):
        return "mapping"
    return "list" if isinstance(value, list) else "preset"


Augment = Annotated[
    Annotated[Preset, Tag("preset")]
    | Annotated[Albumentations, Tag("mapping")]
    | Annotated[list[Transform], Tag("list")],
    Discriminator(_kind),
]
"""What ``augment:`` takes."""
