"""Names and messages from outside, made fit to be shown: no control characters, one line, a bounded length."""

from __future__ import annotations

import re

_SURROGATES = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and line end, marks that reverse the direction of writing, and lone surrogates."""
ELLIPSIS = "…"


def printable(text: str) -> str:
    """``text`` for a terminal: control characters, which could move its cursor or recolour it, as ``\\x1b``."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text.replace("\r\n", "\n"))


def one_line(text: object) -> str:
    """``text`` for a cell of a table: :func:`printable`, with line ends and tabs as ``\\n`` and ``\\t``."""
    return printable(str(text).replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t"))


def label(name: object, most: int = 40) -> str:
    """A name for a picture: on one line, at most so many characters."""
    text = " ".join(_SURROGATES.sub("\ufffd", str(name)).split())
    text = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return text if len(text) <= most else text[: most - 1] + ELLIPSIS
