"""A data frame as a table of a notebook or a page, with every text in it escaped."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd


class HtmlTable:
    """Shows a data frame in a notebook: names of classes, ids and columns are text there, not markup and not formulas.

    Args:
        frame: what to show.
        precision: digits after the point of numbers that are not whole.
        index: show the index, too.
        caption: a line above; escaped.
        formats: by column, a format such as ``{:.0f}`` in the place of ``precision``.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        *,
        precision: int = 4,
        index: bool = False,
        caption: str = "",
        formats: Mapping[str, str] | None = None,
    ) -> None:
        self.frame, self.precision, self.index, self.caption = frame, precision, index, caption
        self.formats = formats or {}

    def _repr_html_(self) -> str:
        """What Jupyter calls to display it."""
        written: dict[Any, Callable[[Any], str]] = {
            name: self._formatter(self.formats.get(str(name)))
            for name, column in self.frame.items()
            if pd.api.types.is_float_dtype(column)
        }
        with pd.option_context("display.max_colwidth", 200):
            table = self.frame.to_html(index=self.index, escape=True, na_rep="", border=0, formatters=written)
        caption = f"<p>{html.escape(self.caption)}</p>" if self.caption else ""
        # MathJax takes what stands between dollar signs for a formula
        return f'<div class="tex2jax_ignore mathjax_ignore">{caption}{table}</div>'

    def __repr__(self) -> str:
        return str(self.frame)

    def _formatter(self, form: str | None) -> Callable[[Any], str]:
        form = form or f"{{:.{self.precision}f}}"
        return lambda value: "" if value is None or math.isnan(value) else form.format(value)
