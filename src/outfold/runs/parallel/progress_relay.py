"""The line between a stage and the processes that work for it.

What a worker says goes up, and is told where a person reads it. The wish to stop comes down. A line that breaks ends
its worker: no process outlives the stage that started it, not even a stage that was killed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

from outfold.progress import Bar, Reporter, Stopped

Address = tuple[str, int]
_CUT_OFF = 1


class Line(Reporter):
    """The worker's end: a reporter whose words are told by the stage.

    Attributes:
        place: how many workers have called before.
    """

    def __init__(self, address: Address, key: bytes) -> None:
        self._connection: Connection = Client(address, authkey=key)
        self.place = int(self._connection.recv())
        self._numbers = itertools.count()
        self._stop = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            while True:
                self._connection.recv()  # there is but one thing to say
                self._stop.set()
        except (EOFError, OSError):
            os._exit(_CUT_OFF)

    def _say(self, what: str, *more: Any) -> None:
        try:
            self._connection.send((what, *more))
        except OSError:
            os._exit(_CUT_OFF)

    def note(self, text: str) -> None:
        self._say("note", text)

    def warn(self, text: str) -> None:
        self._say("warn", text)

    def table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, less: Sequence[str] = ()
    ) -> None:
        self._say("table", title, list(columns), [[str(cell) for cell in row] for row in rows])

    @contextlib.contextmanager
    def bar(self, label: str, total: float | None, unit: str = "it") -> Iterator[Bar]:
        number = next(self._numbers)
        self._say("begin", number, label, total, unit)
        try:
            yield _FarBar(self, number)
        finally:
            self._say("end", number)

    def saved(self) -> None:
        if self._stop.is_set():
            raise Stopped


class _FarBar:
    def __init__(self, line: Line, number: int) -> None:
        self._line, self._number = line, number

    def advance(self, n: float = 1, **fields: Any) -> None:
        self._line._say("advance", self._number, n, fields)


class Switchboard:
    """The stage's end of all lines; to be used in a ``with`` block, which cuts them off where it ends."""

    def __init__(self, reporter: Reporter) -> None:
        self.key = secrets.token_bytes(32)
        self._reporter = reporter
        self._turn = threading.Lock()
        self._warned: set[str] = set()
        self._lines: list[Connection] = []
        self._hearing: list[threading.Thread] = []
        self._stopping = self._closed = False

    @property
    def address(self) -> Address:
        """Where workers call."""
        host, port = self._listener.address
        return str(host), int(port)

    def __enter__(self) -> Switchboard:
        self._listener = Listener(("127.0.0.1", 0), backlog=64, authkey=self.key)
        self._answering = threading.Thread(target=self._answer, daemon=True)
        self._answering.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._turn:
            self._closed = True
            for line in self._lines:
                _hang_up(line)
        # wakes the thread that waits for calls
        with contextlib.suppress(OSError):
            socket.create_connection(self.address, timeout=1).close()
        self._answering.join(timeout=5)
        self._listener.close()

    def stop(self) -> None:
        """Ask every worker, also those yet to call, to end after its next checkpoint."""
        with self._turn:
            self._stopping = True
            for line in self._lines:
                _ask_to_stop(line)

    def hear_out(self, seconds: float = 5.0) -> None:
        """Tell what is still on the lines of workers that have ended."""
        for thread in list(self._hearing):
            thread.join(timeout=seconds)

    def _answer(self) -> None:
        while not self._closed:
            try:
                line = self._listener.accept()
            except (AuthenticationError, EOFError, OSError):
                continue  # nobody of ours
            with self._turn:
                if self._closed:
                    line.close()
                    return
                line.send(len(self._lines))
                self._lines.append(line)
                if self._stopping:
                    _ask_to_stop(line)
            thread = threading.Thread(target=self._hear, args=(line,), daemon=True)
            self._hearing.append(thread)
            thread.start()

    def _hear(self, line: Connection) -> None:
        bars: dict[int, tuple[contextlib.ExitStack, Bar]] = {}
        try:
            while True:
                what, *more = line.recv()
                with self._turn:
                    self._tell(what, more, bars)
        except (EOFError, OSError):
            pass  # the worker has ended, or nobody reads what it says any more
        finally:
            _hang_up(line)
            with self._turn, contextlib.suppress(OSError):
                for stack, _ in bars.values():
                    stack.close()

    def _tell(self, what: str, more: list[Any], bars: dict[int, tuple[contextlib.ExitStack, Bar]]) -> None:
        if what == "begin":
            number, *about = more
            stack = contextlib.ExitStack()
            bars[number] = stack, stack.enter_context(self._reporter.bar(*about))
        elif what == "advance":
            number, n, fields = more
            bars[number][1].advance(n, **fields)
        elif what == "end":
            bars.pop(more[0])[0].close()
        elif what != "warn" or self._is_news(more[0]):
            getattr(self._reporter, what)(*more)

    def _is_news(self, warning: str) -> bool:
        """Each worker opens the contest and warns of the same things."""
        news = warning not in self._warned
        self._warned.add(warning)
        return news


def _ask_to_stop(line: Connection) -> None:
    with contextlib.suppress(OSError):
        line.send("stop")


def _hang_up(line: Connection) -> None:
    """End the line for both sides; to close it would not, while a thread of ours waits for a word on it."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(line.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)
