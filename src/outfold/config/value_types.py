"""Values that a type alone would let through: numbers in quotes, true for a number, infinity, and empty text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

Path = tuple[str | int, ...]
FREE = frozenset(
    {"params", "timm_args", "albumentations", "augment", "positive", "order", "events", "tune", "by_fold", "columns"}
)
"""Keys below which values are those of a library or of the data, or checked elsewhere; ``columns`` of a submission."""


def odd_values(made: Any, given: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """What is odd about a file that its model has accepted: the key's path, and what was expected.

    Args:
        made: the model, or a part of it.
        given: the same part of the file.
    """
    if isinstance(given, dict):
        names = {field.alias or name: name for name, field in _fields(made).items()}
        for key, value in given.items():
            part = (
                getattr(made, names[key], None) if key in names else made.get(key) if isinstance(made, dict) else None
            )
            if key not in FREE or isinstance(part, BaseModel):
                yield from odd_values(part, value, (*path, key))
    elif isinstance(given, list):
        parts = made if isinstance(made, list) and len(made) == len(given) else [None] * len(given)
        for place, value in enumerate(given):
            yield from odd_values(parts[place], value, (*path, place))
    elif isinstance(given, str) and not given:
        yield path, "it is empty; leave the key out, or give it a value"
    elif isinstance(given, float) and not math.isfinite(given):
        yield path, f"expected a finite number (found {given})"
    elif _is_number(made) and (isinstance(given, bool) or (isinstance(given, str) and _reads_as_number(given))):
        found = f"{given!r}, a text; leave the quotes out" if isinstance(given, str) else f"{str(given).lower()}"
        yield path, f"expected a number (found {found})"


def _is_number(made: Any) -> bool:
    return isinstance(made, int | float) and not isinstance(made, bool)


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _fields(made: Any) -> dict[str, Any]:
    return type(made).model_fields if isinstance(made, BaseModel) else {}


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
