"""A figure that shows itself in a notebook, whatever backend matplotlib has there."""

from __future__ import annotations

import io

from matplotlib.figure import Figure


class Picture(Figure):
    """A matplotlib figure that belongs to no window."""

    def _repr_png_(self) -> bytes:
        """What Jupyter calls to display it."""
        data = io.BytesIO()
        self.savefig(data, format="png")
        return data.getvalue()
