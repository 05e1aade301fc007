"""A figure that shows itself in a notebook, and whose text is text: a name with dollar signs is no formula."""

from __future__ import annotations

import io
import warnings
from typing import Any

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FuncFormatter


class Picture(Figure):
    """A matplotlib figure that belongs to no window."""

    def draw(self, renderer: Any) -> None:
        """Draw, with no text taken for mathtext but the powers of ten of a logarithmic axis.

        A character that no installed font has is drawn as a box, without a warning.
        """
        numbers = {id(text) for axis in self.findobj(Axis) for text in _numbers(axis)}
        for text in self.findobj(Text):
            text.set_parse_math(id(text) in numbers)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            super().draw(renderer)

    def _repr_png_(self) -> bytes:
        """What Jupyter calls to display it."""
        data = io.BytesIO()
        self.savefig(data, format="png")
        return data.getvalue()


def _numbers(axis: Any) -> list[Text]:
    """The tick labels that matplotlib writes by itself."""
    named = (FixedFormatter, FuncFormatter)
    major = [] if isinstance(axis.get_major_formatter(), named) else axis.get_majorticklabels()
    minor = [] if isinstance(axis.get_minor_formatter(), named) else axis.get_minorticklabels()
    return [*major, *minor, axis.get_offset_text()]
