"""Every configuration model that a contest file or a pipeline's file can hold, found by walking their fields."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel


def models(*annotations: Any) -> list[type[BaseModel]]:
    """The models that these types name, and those that their fields name, at any depth; each once."""
    found: dict[type[BaseModel], None] = {}

    def walk(annotation: Any) -> None:
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            for part in get_args(annotation):
                walk(part)
        elif annotation not in found:
            found[annotation] = None
            for field in annotation.model_fields.values():
                walk(field.annotation)

    for annotation in annotations:
        walk(annotation)
    return list(found)
