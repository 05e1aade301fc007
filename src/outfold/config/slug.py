"""A contest's slug: the last part of its address. A whole address or a title in its place is told in words."""

from __future__ import annotations

import re
from typing import Any

from outfold.config.shorthand import short_form
from outfold.errors import quoted

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ADDRESS = re.compile(
    r"(?:https?:)?/*(?:[\w-]+\.)*kaggle\.com/(?P<path>.*)|/*(?P<bare>(?:c|competitions|t)/.*)", re.IGNORECASE
)
_EXAMPLE = "the last part of the contest's address, such as titanic of https://www.kaggle.com/competitions/titanic"


@short_form()
def as_slug(value: Any) -> Any:
    """``value``, if it is a slug.

    Raises:
        ValueError: it is not; names the slug where it contains one.
    """
    if not isinstance(value, str) or _SLUG.fullmatch(value):
        return value
    shown = quoted(value, 100)
    if not value.strip():
        raise ValueError(f"it is empty; expected {_EXAMPLE}")
    if (address := _ADDRESS.fullmatch(value.strip())) is not None:
        kind, _, rest = (address["path"] or address["bare"] or "").partition("/")
        name = _SLUG.match(rest)
        if kind.lower() in ("c", "competitions") and name is not None:
            raise ValueError(f"{shown} is the contest's address; expected its slug alone: {name[0]}")
        if kind.lower() in ("datasets", "code", "models", "discussion"):
            raise ValueError(f"{shown} is the address of {kind}, not of a contest; expected {_EXAMPLE}")
        raise ValueError(f"{shown} is an address without a contest's slug; expected {_EXAMPLE}")
    if (name := _SLUG.fullmatch(value.strip().strip("/"))) is not None:
        raise ValueError(f"{shown} has a blank or slash around it; expected {name[0]}")
    if re.search(r"\s", value):
        raise ValueError(f"{shown} looks like the contest's title: a slug has no blanks; expected {_EXAMPLE}")
    raise ValueError(
        f"{shown} is no slug (letters, digits, '-', '_' and '.', the first a letter or digit); expected {_EXAMPLE}"
    )
