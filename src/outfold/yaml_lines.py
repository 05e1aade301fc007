"""The line of a key in a YAML file, so that an error of any stage can name it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_IN_A_FILE = re.compile(r"(?P<file>[^\n]*?\.ya?ml): (?P<rest>.+)", re.DOTALL)
_MOST_BYTES = 1_000_000


def line_of(content: Any, keys: Sequence[str | int]) -> int:
    """The 1-based line of a key, or of the last key on the way to it that the file has.

    Args:
        content: the file as ruamel.yaml's round-trip loader gives it.
        keys: the keys on the way, and the places in lists, from 0.
    """
    here, line = content, 1
    for key in keys:
        marks = getattr(here, "lc", None)
        if isinstance(here, dict) and key in here:
            mark = marks.data.get(key) if marks is not None and marks.data else None  # none: merged from an anchor
            line = line if mark is None else mark[0] + 1
        elif isinstance(here, list) and isinstance(key, int) and key < len(here):
            line = line if marks is None else marks.item(key)[0] + 1
        else:
            break
        here = here[key]
    return line


def keys_at_start(content: Any, text: str) -> tuple[list[str | int], str]:
    """The keys of a file that a text begins with, and the rest: ``phases[0].lr: too high``, ``folds: n: too many``.

    Returns:
        no keys, and the whole text, where it does not begin with ``key:``, ``key.`` or ``key[``.
    """
    keys: list[str | int] = []
    here, rest = content, text
    while True:
        found = _next(here, rest, first=not keys)
        if found is None:
            return keys, rest
        key, rest = found
        keys.append(key)
        here = here[key]


def with_line(message: str) -> str:
    """A message ``file.yaml: key: ...`` as ``file.yaml:7: key: ...``; any other as it is.

    The line is that of the deepest key that the file has. A message whose file cannot be read stays as it is.
    """
    found = _IN_A_FILE.match(message)
    if found is None:
        return message
    content = _content(Path(found["file"]))
    keys, _ = keys_at_start(content, found["rest"])
    return f"{found['file']}:{line_of(content, keys)}: {found['rest']}" if keys else message


def in_file(message: str, path: Path) -> str:
    """A message ``key: ...`` as ``path:7: key: ...``, where the file has the key; any other as it is."""
    content = _content(path)
    keys, _ = keys_at_start(content, message)
    return f"{path}:{line_of(content, keys)}: {message}" if keys else message


def _content(path: Path) -> Any:
    """The file with its lines; None where it cannot be read: a line is a help, the message itself is what counts."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        from ruamel.yaml import YAML

        return YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except Exception:  # whatever the file holds by now
        return None


def _next(here: Any, text: str, *, first: bool) -> tuple[str | int, str] | None:
    """The key that the text begins with, after the separator from the key before, and the rest of the text."""
    if isinstance(here, list):
        found = re.match(r"\[(\d+)\]", text)
        return (int(found[1]), text[found.end() :]) if found and int(found[1]) < len(here) else None
    if not isinstance(here, dict):
        return None
    start = 0 if first else 1 if text.startswith(".") else 2 if text.startswith(": ") else None
    if start is None:
        return None
    for key in sorted(map(str, here), key=len, reverse=True):
        end = start + len(key)
        if text.startswith(key, start) and re.match(r"[:.\[]", text[end:]) and key in here:
            return key, text[end:]
    return None
