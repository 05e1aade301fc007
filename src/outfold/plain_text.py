"""Escaping and shortening of external text for terminals, tables and figures."""

from __future__ import annotations

import re

_SURROGATES = re.compile("[\ud800-\udfff]")
_ODD = "\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
"""Control characters but tab and line end, line separators, marks of the direction of writing, and lone surrogates."""
_CONTROL = re.compile(f"[{_ODD}]")
_CONTROL_AND_LINES = re.compile(f"[\t\n{_ODD}]")
ELLIPSIS = "…"


def printable(text: str) -> str:
    """``text`` for a terminal: control characters, which could move its cursor or recolour it, as ``\\x1b``."""
    return _CONTROL.sub(_escaped, text.replace("\r\n", "\n"))


def one_line(text: object) -> str:
    """``text`` for a cell of a table or a line of a message: line ends and tabs, too, as ``\\n`` and ``\\t``."""
    return _CONTROL_AND_LINES.sub(_escaped, str(text))


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def label(name: object, most: int = 40) -> str:
    """A name as one line of a figure, cut to ``most`` characters."""
    text = " ".join(_SURROGATES.sub("\ufffd", str(name)).split())
    text = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return text if len(text) <= most else text[: most - 1] + ELLIPSIS
