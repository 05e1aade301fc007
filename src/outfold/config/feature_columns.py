"""How the keys of features name columns."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from outfold.config.shorthand import listed

Names = Annotated[list[str], BeforeValidator(listed), Field(min_length=1)]
"""Columns."""
Keys = Annotated[list[str | Annotated[list[str], Field(min_length=2)]], BeforeValidator(listed), Field(min_length=1)]
"""Columns, each by itself; a list among them is the combination of its columns."""
