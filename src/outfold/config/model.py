"""The base of everything read from YAML: unknown keys and wrong types are errors."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """Frozen, no unknown keys, every default checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, use_attribute_docstrings=True)

    def sets(self, key: str) -> bool:
        """Whether the file gives the key a value; ``null`` leaves it out."""
        return key in self.model_fields_set and getattr(self, key) is not None
