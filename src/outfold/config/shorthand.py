"""Short forms of values, such as one name for a list of one, and what JSON Schema says of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Expander = TypeVar("Expander", bound=Callable[[Any], Any])
JsonSchema = dict[str, Any]
TEXT: JsonSchema = {"type": "string"}
ITEM: JsonSchema = {"$item": True}
"""Stands for the schema of the list's items."""


def short_form(*schemas: JsonSchema) -> Callable[[Expander], Expander]:
    """Marks a before-validator that expands short forms: what else it takes, as JSON Schema."""

    def marked(expand: Expander) -> Expander:
        expand.short_forms = schemas  # type: ignore[attr-defined]
        return expand

    return marked


def short_forms(expand: Any, inner: JsonSchema) -> list[JsonSchema]:
    """The schemas of the short forms that a before-validator takes, beside that of the whole form.

    Raises:
        TypeError: the validator is not marked by :func:`short_form`.
    """
    if not hasattr(expand, "short_forms"):
        raise TypeError(f"{expand.__module__}.{expand.__qualname__} lacks @short_form")
    return [inner["items"] if schema is ITEM else schema for schema in expand.short_forms]


@short_form(TEXT)
def listed(value: Any) -> Any:
    """A name as a list of one; anything else as it is."""
    return [value] if isinstance(value, str) else value


@short_form(ITEM)
def listed_item(value: Any) -> Any:
    """Anything but a list as a list of one."""
    return value if isinstance(value, list) else [value]


@short_form(ITEM)
def listed_entry(value: Any) -> Any:
    """A name or a mapping as a list of one; anything else as it is."""
    return [value] if isinstance(value, str | dict) else value
