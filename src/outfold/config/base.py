"""The base of everything read from YAML: unknown keys, wrong types and keys without effect are errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from outfold.config.value_types import listed


class StrictModel(BaseModel):
    """Frozen, no unknown keys, every default checked, no key that has no effect."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, use_attribute_docstrings=True)

    def sets(self, key: str) -> bool:
        """Whether the file gives the key a value; ``null`` leaves it out."""
        return key in self.model_fields_set and getattr(self, key) is not None

    def changes(self, key: str) -> bool:
        """Whether the file gives the key a value that is not its default."""
        return self.sets(key) and getattr(self, key) != type(self).model_fields[key].get_default(
            call_default_factory=True
        )

    def idle(self) -> Mapping[str, str]:
        """The keys that have no effect beside the values of the others, and why; a file that sets one is refused."""
        return {}

    def effective_keys(self) -> dict[str, Any]:
        """All keys with their values as JSON, without those that have no effect: what a file may hold."""
        return _without_idle(self, self.model_dump(mode="json"))

    def refuse_idle(self) -> Self:
        """Itself; raises ValueError for a key that is set and has no effect."""
        for key, why in self.idle().items():
            if self.sets(key):
                raise ValueError(f"{key}: {why}")
        return self

    @model_validator(mode="after")
    def _no_idle_keys(self) -> Self:
        return self.refuse_idle()


def _without_idle(value: Any, dumped: Any) -> Any:
    """What a model, or a collection of them, was dumped as, without keys that have no effect, at any depth."""
    if isinstance(value, StrictModel) and isinstance(dumped, dict):
        kept = {key: item for key, item in dumped.items() if key not in value.idle()}
        return {key: _without_idle(getattr(value, key, None), item) for key, item in kept.items()}
    if isinstance(value, list) and isinstance(dumped, list):
        return [_without_idle(one, item) for one, item in zip(value, dumped, strict=True)]
    if isinstance(value, dict) and isinstance(dumped, dict) and value.keys() == dumped.keys():
        return {key: _without_idle(value[key], item) for key, item in dumped.items()}
    return dumped


Names = Annotated[list[str], BeforeValidator(listed), Field(min_length=1)]
"""Columns."""
Keys = Annotated[list[str | Annotated[list[str], Field(min_length=2)]], BeforeValidator(listed), Field(min_length=1)]
"""Columns, each by itself; a list among them is the combination of its columns."""
