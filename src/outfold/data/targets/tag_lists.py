"""Tags written as a list in one cell: JSON, Python's lists, tuples and sets, or bare words in brackets."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Quotes = Literal["json", "python", "none"]

_BRACKETS = {"[": "]", "{": "}", "(": ")"}
_QUOTED = r"""(?:'[^'\\]*'|"[^"\\]*")"""
_ADJACENT = re.compile(rf"\s*{_QUOTED}(?:\s+{_QUOTED})+\s*")
"""NumPy prints ``['a' 'b']``, which Python reads as one string."""


@dataclass(frozen=True)
class TagList:
    """How a column writes lists.

    Attributes:
        quotes: around each tag: JSON's, Python's, or none.
        brackets: around the list.
        joint: between two tags.
    """

    quotes: Quotes
    brackets: str = "[]"
    joint: str = ", "

    def write(self, tags: Sequence[str]) -> str:
        """One cell."""
        if self.quotes == "json":
            words = [json.dumps(tag, ensure_ascii=False) for tag in tags]
        else:
            words = [repr(tag) for tag in tags] if self.quotes == "python" else list(tags)
        # Python writes a tuple of one with a comma: ('a',)
        end = "," if self.brackets == "()" and self.quotes == "python" and len(words) == 1 else ""
        return f"{self.brackets[0]}{self.joint.join(words)}{end}{self.brackets[1]}"

    def __str__(self) -> str:
        return self.write(["a", "b"])


def list_form(cells: Iterable[str]) -> TagList | None:
    """How these cells write lists; None where they are no lists.

    They are where every cell is in brackets. Cells without tags (``[]``) alone say nothing of the form.

    Raises:
        ValueError: most cells are lists and one is none, or cannot be read; its argument is the cell.
    """
    distinct = list(dict.fromkeys(cells))
    odd = [cell for cell in distinct if not is_bracketed(cell)]
    if 2 * len(odd) >= len(distinct):
        return None
    found = {cell: _read(cell) for cell in distinct if is_bracketed(cell)}
    unread = [cell for cell, read in found.items() if read is None]
    if len(unread) == len(found):
        return None  # such as (a) (b): not lists at all
    if odd or unread:
        raise ValueError((odd or unread)[0])
    longest = max(found, key=lambda cell: len(found[cell][1] if found[cell] else ()))  # type: ignore[index]
    read = found[longest]
    assert read is not None
    quotes, tags = read
    text = longest.strip()
    forms = [TagList(quotes, text[0] + text[-1], joint) for joint in (", ", ",", " ")]
    return next((form for form in forms if form.write(tags) == text), forms[0])


def cell_tags(cell: str, separator: str, known: Collection[str] = ()) -> list[str]:
    """The tags of one cell, whether a list or words between separators.

    Args:
        known: tags that are taken as they stand, though they are in brackets.
    """
    plain = [tag for tag in (part.strip() for part in cell.split(separator)) if tag]
    if not is_bracketed(cell) or all(tag in known for tag in plain):
        return plain
    read = _read(cell)
    return plain if read is None else read[1]


def is_bracketed(cell: str) -> bool:
    """Whether a cell begins and ends with brackets that belong together."""
    text = cell.strip()
    return len(text) > 1 and _BRACKETS.get(text[0]) == text[-1]


def _read(cell: str) -> tuple[Quotes, list[str]] | None:
    """The quotes and the tags of a list; None for a text that is none."""
    text = cell.strip()
    inner = text[1:-1]
    if _ADJACENT.fullmatch(inner):
        return "python", _words(first or second for first, second in re.findall(r"""'([^']*)'|"([^"]*)\"""", inner))
    for quotes, reader in _READERS:
        value = _value(reader, text)
        if value is None or any(isinstance(one, list | tuple | set | dict) for one in value):
            continue
        quoted = any(isinstance(one, str) for one in value)
        return quotes if quoted or not value else "none", _words(value)
    if any(mark in inner for mark in "[]{}()\"'"):
        return None
    return "none", _words(inner.split(","))


_READERS: tuple[tuple[Quotes, Any], ...] = (("json", json.loads), ("python", ast.literal_eval))


def _value(reader: Any, text: str) -> list[Any] | None:
    try:
        value = reader(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    if isinstance(value, dict) and not value:
        return []
    if isinstance(value, list | tuple):
        return list(value)
    return sorted(value, key=str) if isinstance(value, set) else None


def _words(values: Iterable[Any]) -> list[str]:
    """As text, without blanks around, empty ones and repetitions."""
    words = (str(value).strip() for value in values if value is not None)
    return list(dict.fromkeys(word for word in words if word))
