"""What a stage tells the person who waits: bars on a terminal, lines in a log, nothing in the Python API."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TextIO

from outfold.plain_text import one_line, printable
from outfold.redaction import redact


class Bar(Protocol):
    """One thing under way."""

    def advance(self, n: float = 1, **fields: Any) -> None:
        """Move on by ``n`` units and show ``fields`` (epoch, loss, lr, ...) beside the bar."""


class Reporter:
    """Says nothing: the base class, and what the Python API uses."""

    def note(self, text: str) -> None:
        """A plain line."""

    def warn(self, text: str) -> None:
        """A line that a person should read."""

    def table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, less: Sequence[str] = ()
    ) -> None:
        """A small table, already formatted cell by cell.

        Args:
            less: columns to leave out where a terminal is too narrow for all, the first one first.
        """

    @contextlib.contextmanager
    def bar(self, label: str, total: float | None, unit: str = "it") -> Iterator[Bar]:
        """A bar of ``total`` units (None: unknown) for as long as the block runs."""
        yield _Silent()

    def saved(self) -> None:
        """A checkpoint is on disk: nothing is lost if the training stops here.

        Raises:
            Stopped: it was asked to.
        """


class Stopped(Exception):
    """A training that ended after a checkpoint, because it was asked to; it goes on when it is run again."""


class _Silent:
    def advance(self, n: float = 1, **fields: Any) -> None:
        pass


def amount_of(value: float, unit: str) -> str:
    if unit != "B":
        return f"{value:,.0f}"
    for suffix in ("B", "KB", "MB", "GB"):
        if value < 1000 or suffix == "GB":
            return f"{value:,.0f} {suffix}" if suffix == "B" else f"{value:,.1f} {suffix}"
        value /= 1000
    raise AssertionError


def _said(fields: dict[str, Any]) -> str:
    return "  ".join(f"{key} {value}" for key, value in fields.items() if value not in (None, ""))


def numeric_columns(rows: Sequence[Sequence[Any]], width: int) -> list[bool]:
    """Which columns hold numbers, and are set flush right."""

    def is_number(cell: Any) -> bool:
        text = str(cell).strip()
        return text in ("", "-") or text.lstrip("+-").replace(",", "").replace(".", "", 1).rstrip("%").isdigit()

    return [i > 0 and all(is_number(row[i]) for row in rows) for i in range(width)]


class _LineBar:
    """Progress where there is no terminal: at most a line every ``every`` seconds, and one at the end."""

    def __init__(self, stream: TextIO, label: str, total: float | None, unit: str, every: float = 15.0) -> None:
        self.stream, self.label, self.total, self.unit, self.every = stream, redact(label), total, unit, every
        self.done, self.fields = 0.0, dict[str, Any]()
        self.began = self.told = time.monotonic()
        self.spoke = False

    def advance(self, n: float = 1, **fields: Any) -> None:
        self.done += n
        self.fields.update(fields)
        now = time.monotonic()
        if now - self.told >= self.every and (self.total is None or self.done < self.total):
            self.told = now
            self._tell(now)

    def _tell(self, now: float) -> None:
        self.spoke = True
        if self.total is None and not self.done:
            print(f"{self.label}: {now - self.began:.0f} s", file=self.stream, flush=True)
            return
        of = "" if self.total is None else f"/{amount_of(self.total, self.unit)}"
        left = ""
        if self.total and 0 < self.done < self.total:
            left = f"  {(now - self.began) * (self.total - self.done) / self.done:.0f}s left"
        said = _said(self.fields)
        amount = f"{amount_of(self.done, self.unit)}{of}{'' if self.unit == 'B' else ' ' + self.unit}"
        print(f"{self.label}: {amount}{'  ' + said if said else ''}{left}", file=self.stream, flush=True)

    def close(self) -> None:
        now = time.monotonic()
        if self.spoke or now - self.began > 2.0:
            self._tell(now)


class LineReporter(Reporter):
    """Quiet, line-based output for logs: no colours, no cursor movement."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream if stream is not None else sys.stdout

    def note(self, text: str) -> None:
        print(printable(redact(text)), file=self.stream, flush=True)

    def warn(self, text: str) -> None:
        print(printable(redact(f"warning: {text}")), file=self.stream, flush=True)

    def table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, less: Sequence[str] = ()
    ) -> None:
        cells = [[one_line(redact(str(cell))) for cell in row] for row in rows]
        widths = [max(len(str(name)), *(len(row[i]) for row in cells), 0) for i, name in enumerate(columns)]
        right = numeric_columns(rows, len(columns))
        lines = [printable(redact(title))] if title else []
        lines += [
            "  " + "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True))
            for row in [[str(name) for name in columns], *cells]
        ]
        print("\n".join(line.rstrip() for line in lines), file=self.stream, flush=True)

    @contextlib.contextmanager
    def bar(self, label: str, total: float | None, unit: str = "it") -> Iterator[Bar]:
        bar = _LineBar(self.stream, label, total, unit)
        yield bar
        bar.close()
