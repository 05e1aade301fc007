"""Live bars, colours and tables on a terminal, laid out for its width."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.progress import Progress, ProgressColumn, Task
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from outfold.plain_text import one_line, printable
from outfold.progress import Bar, LineReporter, Reporter, amount_of, numeric_columns
from outfold.progress_layout import lay_out
from outfold.redaction import redact


class RichReporter(Reporter):
    """What a person sees on a terminal. Bars may nest or run side by side; each vanishes when it is done."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console if console is not None else Console(highlight=False, emoji=False)
        self._live: Progress | None = None

    def note(self, text: str) -> None:
        self.console.print(Text(printable(redact(text))))

    def warn(self, text: str) -> None:
        self.console.print(Text(printable(redact(f"warning: {text}")), style="yellow"))

    def table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, less: Sequence[str] = ()
    ) -> None:
        cells = [[one_line(redact(str(cell))) for cell in row] for row in rows]
        names = [one_line(name) for name in columns]
        right = numeric_columns(rows, len(columns))
        kept, gone = list(range(len(columns))), list[str]()
        for name in less:
            # a blank on each side of a cell, and one between columns and at the edges
            if sum(_width([names[i], *(row[i] for row in cells)]) + 3 for i in kept) + 1 <= self.console.width:
                break
            if name in columns:
                kept.remove(list(columns).index(name))
                gone.append(name)
        table = Table(
            title=Text(printable(redact(title)), style="bold") if title else None,
            box=box.SIMPLE_HEAD,
            title_justify="left",
            padding=(0, 1),
        )
        for i in kept:
            # numbers are never broken; the first column gives way last
            table.add_column(Text(names[i]), justify="right" if right[i] else "left", no_wrap=right[i], overflow="fold")
        for row in cells:
            table.add_row(*(Text(row[i]) for i in kept))
        self.console.print(table)
        if gone:
            words = f"not shown at {self.console.width} columns: {', '.join(gone)}"
            self.console.print(Text(words, style="dim"))

    @contextlib.contextmanager
    def bar(self, label: str, total: float | None, unit: str = "it") -> Iterator[Bar]:
        if self._live is None:
            self._live = Progress(_Line(), console=self.console, transient=True, expand=True)
            self._live.start()
        live = self._live
        task = live.add_task(printable(redact(label)), total=total, unit=unit, shown={})
        shown: dict[str, Any] = {}

        class _Task:
            def advance(self, n: float = 1, **fields: Any) -> None:
                shown.update(fields)
                live.update(task, advance=n, shown=shown)

        try:
            yield _Task()
        finally:
            live.remove_task(task)
            if not live.tasks:
                live.stop()
                self._live = None


def _width(cells: Sequence[str]) -> int:
    return max(Text(cell).cell_len for cell in cells)


class _Line(ProgressColumn):
    """The one column of the live display: a whole line of progress."""

    def __init__(self) -> None:
        super().__init__(Column(ratio=1, no_wrap=True))

    def render(self, task: Task) -> _Rendered:
        return _Rendered(task)


class _Rendered:
    """A task as a line of the width that the console has."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._line(options.max_width, console, options)

    def _line(self, width: int, console: Console, options: ConsoleOptions) -> Text:
        task = self.task
        unit, fields = str(task.fields.get("unit", "it")), task.fields.get("shown", {})
        of = "" if task.total is None else f"/{amount_of(task.total, unit)}"
        passed = clock(task.elapsed)
        left = f"{clock(task.time_remaining)} left" if task.total is not None else passed
        line = lay_out(
            task.description,
            f"{amount_of(task.completed, unit)}{of}",
            left,
            passed if task.total is not None else "",
            _printable(fields),
            width,
        )
        text = Text(no_wrap=True, overflow="ellipsis", end="")
        pieces = [(line.label, ""), (line.amount, ""), (line.time, "magenta"), (line.fields, "cyan")]
        for piece, style in pieces:
            if piece:
                text.append(line.gap if text else "").append(piece, style=style)
            if piece is line.label and line.bar:
                text.append(line.gap).append_text(self._bar(line.bar, console, options))
        return text

    def _bar(self, width: int, console: Console, options: ConsoleOptions) -> Text:
        task = self.task
        pulse = task.total is None
        bar = ProgressBar(
            total=None if pulse else max(0, task.total or 0),
            completed=max(0, task.completed),
            width=width,
            pulse=pulse,
            animation_time=task.get_time(),
        )
        text = Text()
        for segment in console.render(bar, options.update(width=width)):
            text.append(segment.text.replace("\n", ""), style=segment.style)
        return text.append(" " * (width - text.cell_len))


def _printable(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {one_line(name): value if value is None else one_line(value) for name, value in fields.items()}


def clock(seconds: float | None) -> str:
    """``1:23``, ``2:05:00`` or ``-:--``."""
    if seconds is None:
        return "-:--"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def reporter_for(stream: TextIO | None = None) -> Reporter:
    """Bars where a person watches a terminal, lines everywhere else."""
    stream = stream if stream is not None else sys.stdout
    if not stream.isatty():
        return LineReporter(stream)
    from outfold.terminal import RichReporter  # here, since Rich takes 60 ms to import

    return RichReporter()
