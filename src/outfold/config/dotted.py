"""Keys of a file by one name each: ``params.learning_rate``, ``phases[0].lr``."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

_PATH = re.compile(r"[^.\[\]]+(?:\.[^.\[\]]+|\[\d+\])*")


def parts(name: str) -> list[str | int]:
    """The keys on the way to a value, and the places in lists, from 0.

    Raises:
        ValueError: no such name can be.
    """
    if not _PATH.fullmatch(name):
        raise ValueError(f"'{name}' is no key; expected one like params.learning_rate or phases[0].lr")
    return [int(found[1]) if found[1] else found[0] for found in re.finditer(r"\[(\d+)\]|[^.\[\]]+", name)]


def changed(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A file's content with other values under some names; what is on the way there is made where it is missing.

    Raises:
        ValueError: a name that leads into a number or a word, or beyond the end of a list.
    """
    result = copy.deepcopy(dict(content))
    for name, value in changes.items():
        put(result, name, value)
    return result


def put(content: Any, name: str, value: Any) -> None:
    """Set the value under a name, in place.

    Raises:
        ValueError: as :func:`changed`.
    """
    *way, last = parts(name)
    here, told = content, ""
    for part in way:
        if isinstance(here, dict) and isinstance(part, str) and here.get(part) is None:
            here[part] = {}
        here, told = _inside(here, part, told, name), _joined(told, part)
    if isinstance(here, dict) and isinstance(last, str):
        here[last] = value
        return
    _inside(here, last, told, name)
    here[last] = value


def found(content: Any, name: str, missing: Any = None) -> Any:
    """The value under a name of a file's content or of a model, or ``missing``."""
    here = content
    for part in parts(name):
        if isinstance(here, BaseModel) and isinstance(part, str):
            here = getattr(here, part, missing)
        elif isinstance(here, Mapping):
            here = here.get(part, missing)
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            return missing
        if here is missing:
            return missing
    return here


def _inside(here: Any, part: str | int, told: str, name: str) -> Any:
    if isinstance(here, dict) and part in here:
        return here[part]
    if isinstance(here, list) and isinstance(part, int) and part < len(here):
        return here[part]
    what = "a mapping" if isinstance(here, dict) else f"a list of {len(here)}" if isinstance(here, list) else repr(here)
    raise ValueError(f"'{name}' leads nowhere: {told or 'the file'} is {what}")


def _joined(told: str, part: str | int) -> str:
    return f"{told}[{part}]" if isinstance(part, int) else f"{told}.{part}" if told else part
