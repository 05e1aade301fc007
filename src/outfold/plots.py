"""The house style of every picture, and the way one gets to disk."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FuncFormatter

from outfold.plain_text import label
from outfold.store.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


COLOURS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e", "#9498a0")
"""Told apart by most colour-blind readers, too."""
STYLE: Any = {
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "text.usetex": False,
    "axes.formatter.use_mathtext": False,
}


def new_figure(width: float = 8.0, height: float = 4.0) -> Figure:
    """An empty figure of ``width`` x ``height`` inches in the house style; a notebook shows it."""
    import matplotlib as mpl
    from cycler import cycler

    from outfold.plots import Picture

    with mpl.rc_context(STYLE | {"axes.prop_cycle": cycler(color=COLOURS)}):
        return Picture(figsize=(width, height))


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """The house style for axes that are made inside the block."""
    import matplotlib as mpl
    from cycler import cycler

    with mpl.rc_context(STYLE | {"axes.prop_cycle": cycler(color=COLOURS)}):
        yield


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    with atomic_path(path) as beside:
        # no version or date inside: the same picture is the same file
        figure.savefig(beside, format="png", metadata={"Software": None})


def in_legend(name: str) -> str:
    """A name for a legend, which leaves out what begins with an underscore."""
    return f" {label(name)}" if name.startswith("_") else label(name)


def draw_bars(axes: Axes, values: Mapping[str, float], *, errors: Mapping[str, float] | None = None) -> None:
    """Horizontal bars, the first on top, each with its value."""
    names = list(values)
    spread = None if errors is None else [errors[name] for name in names]
    places = range(len(names))
    axes.barh(places, [values[name] for name in names], xerr=spread, color=COLOURS[0], height=0.7, ecolor="#555555")
    axes.set_yticks(places, list(map(label, names)))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    for place, name in enumerate(names):
        end = values[name] + (spread[place] if spread is not None else 0.0)
        axes.annotate(f"{values[name]:.3g}", (end, place), xytext=(4, 0), textcoords="offset points", va="center")
    axes.margins(x=0.12)


def bars(
    path: Path, values: Mapping[str, float], *, title: str, xlabel: str, errors: Mapping[str, float] | None = None
) -> None:
    """A file of horizontal bars, the first on top; ``errors`` draws a spread around each."""
    with drawing():
        figure = new_figure(8.0, 1.2 + 0.32 * len(values))
        axes = figure.subplots()
        draw_bars(axes, values, errors=errors)
        axes.set_title(label(title, 100))
        axes.set_xlabel(xlabel)
        save(figure, path)


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
