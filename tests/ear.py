"""A reporter that remembers what it was told."""

from __future__ import annotations

import contextlib

from outfold.progress import Bar, Reporter


class Ear(Reporter):
    """Notes, warnings, both in turn (``lines``), and the labels of bars."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warned: list[str] = []
        self.lines: list[str] = []
        self.bars: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)
        self.lines.append(text)

    def bar(self, label: str, total: float | None, unit: str = "it") -> contextlib.AbstractContextManager[Bar]:
        self.bars.append(label)
        return super().bar(label, total, unit)
