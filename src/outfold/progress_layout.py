"""The layout of one line of progress: what is shown at which width. Nothing here draws."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len

WIDEST_BAR, NARROWEST_BAR = 24, 4
_FIRST = ("phase", "epoch")
_LAST = ("valid_loss", "loss", "models", "bad", "lr", "rows/s", "img/s")
"""Left out where they do not fit, the last one first. Scores of other names stand before them."""
_SHORT = {"phase": "ph", "epoch": "ep"}
_SHORTEST_LABEL, _SHORTEST_NAME = 12, 8


@dataclass(frozen=True)
class ProgressLine:
    """The parts of a line, from left to right.

    Attributes:
        label: what is under way.
        bar: the width of the bar; 0: no bar.
        amount: units done, of all.
        time: seconds left, or passed where the end is not known.
        fields: phase, epoch, scores, losses, rates: as many as fit.
        gap: between two parts.
    """

    label: str
    bar: int
    amount: str
    time: str
    fields: str
    gap: str

    def text(self, bar: str) -> str:
        """The whole line, with ``bar`` drawn by the caller."""
        return self.gap.join(part for part in (self.label, bar, self.amount, self.time, self.fields) if part)


def lay_out(label: str, amount: str, time: str, elapsed: str, fields: Mapping[str, Any], width: int) -> ProgressLine:
    """The line of at most ``width`` characters, if its least form fits.

    What gives way, in this order: the width of the bar, the time passed, speed, learning rate, losses, the bar, long
    names, the phase, the epoch, further scores, the rest of the label.

    Args:
        amount: such as ``320/1,250``.
        time: such as ``1:23 left``.
        elapsed: such as ``0:41``; shown where there is room.
        fields: by name; empty ones are left out.
    """
    shown = {name: str(value) for name, value in fields.items() if value not in (None, "")}
    order = sorted(shown, key=lambda name: (_rank(name), list(shown).index(name)))
    attempts: list[tuple[str, list[str], str, int, bool, bool]] = []
    if elapsed:
        attempts.append((label, order, f"{elapsed}, {time}", NARROWEST_BAR, False, False))
    names = list(order)
    attempts.append((label, list(names), time, NARROWEST_BAR, False, False))
    while names and _rank(names[-1]) >= 2:
        names.pop()
        attempts.append((label, list(names), time, NARROWEST_BAR, False, False))
    attempts.append((label, list(names), time, 0, False, False))
    attempts.append((label, list(names), time, 0, True, False))
    attempts.append((shortened(label, _SHORTEST_LABEL), list(names), time, 0, True, True))
    brief, clock = shortened(label, _SHORTEST_LABEL), time.removesuffix(" left")
    attempts.append((brief, list(names), clock, 0, True, True))
    for name in [*reversed([name for name in names if _rank(name) == 1][1:]), *_FIRST, *names]:
        if name in names:
            names.remove(name)
            attempts.append((brief, list(names), clock, 0, True, True))
    for words, kept, when, least, tight, short in attempts:
        gap = " " if tight else "  "
        parts = [_field(name, shown[name], short) for name in kept]
        line = ProgressLine(words, 0, amount, when, gap.join(parts), gap)
        room = width - cell_len(line.text("")) - len(gap)
        if room >= least or (least == 0 and room + len(gap) >= 0):
            bar = min(room, WIDEST_BAR) if room >= NARROWEST_BAR else 0
            return ProgressLine(words, bar, amount, when, line.fields, gap)
    return ProgressLine(shortened(label, max(1, width - len(amount) - 1)), 0, amount, "", "", " ")


def _rank(name: str) -> float:
    """0 for phase and epoch, 1 for scores, 2 and more for what is left out first."""
    if name in _FIRST:
        return 0
    return 2 + _LAST.index(name) if name in _LAST else 1


def _field(name: str, value: str, short: bool) -> str:
    return f"{shortened(_SHORT.get(name, name), _SHORTEST_NAME) if short else name} {value}"


def shortened(text: str, most: int) -> str:
    """``text`` in at most so many cells, its middle left out: a pipeline's name gives way before its fold."""
    if cell_len(text) <= most:
        return text
    tail = match[0] if (match := re.search(r" fold \d+.*$|(?<=.) \S+$", text)) else ""
    if len(tail) > most - 2:
        tail = match[0] if (match := re.search(r" fold \d+", tail)) and len(match[0]) <= most - 2 else ""
    head = text
    while head and cell_len(head) + 1 + cell_len(tail) > most:
        head = head[:-1]
    return f"{head}…{tail}"
