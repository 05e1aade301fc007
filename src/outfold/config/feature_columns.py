"""How the keys of features name columns."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]
"""Columns."""
Keys = Annotated[list[str | Annotated[list[str], Field(min_length=2)]], BeforeValidator(_listed), Field(min_length=1)]
"""Columns, each by itself; a list among them is the combination of its columns."""
