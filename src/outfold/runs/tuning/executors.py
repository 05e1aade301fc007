"""Who does the tasks: this process alone, or several, each with a bench of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Protocol

from outfold.errors import OutfoldError
from outfold.progress import Reporter, Stopped
from outfold.redaction import redact_streams
from outfold.runs.parallel.fold_pool import ended, interrupts_kept_from_children, that_travels
from outfold.runs.parallel.progress_relay import Address, Line, Switchboard
from outfold.runs.tuning.trial_runner import Bench, Outcome, Task, Work
from outfold.threads import VARIABLE, set_threads, thread_count


class Crew(Protocol):
    """Does tasks, some at a time."""

    size: int
    """How many at a time."""

    def begin(self, task: Task) -> None:
        """Take a task on; the crew has room for it."""

    def ended(self) -> list[tuple[Task, Outcome]]:
        """Wait for what comes next.

        Raises:
            OutfoldError: from a task, or a process that the system has ended.
        """


class Alone:
    """One task at a time, in this process."""

    size = 1

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._task: Task | None = None

    def begin(self, task: Task) -> None:
        self._task = task

    def ended(self) -> list[tuple[Task, Outcome]]:
        task, self._task = self._task, None
        return [] if task is None else [(task, self.bench.do(task))]


class Processes:
    """So many tasks at a time, each process on its share of this one's threads."""

    def __init__(self, work: Work, size: int, board: Switchboard) -> None:
        from joblib.externals.loky.process_executor import ProcessPoolExecutor

        threads = max(1, thread_count() // size)
        names = (VARIABLE, "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        self.work, self.size, self.board = work, size, board
        self._under_way: dict[Future[Outcome | Exception | None], Task] = {}
        self._executor: Any = ProcessPoolExecutor(
            size,
            initializer=_join,
            initargs=(work, board.address, board.key, threads),
            env=dict.fromkeys(names, str(threads)),
        )

    def begin(self, task: Task) -> None:
        with interrupts_kept_from_children():
            self._under_way[self._executor.submit(_in_worker, task)] = task

    def ended(self) -> list[tuple[Task, Outcome]]:
        from joblib.externals.loky.process_executor import BrokenProcessPool

        done = wait(self._under_way, return_when=FIRST_COMPLETED).done
        found, error = list[tuple[Task, Outcome]](), None
        for future in done:
            task = self._under_way.pop(future)
            try:
                outcome = future.result()
            except BrokenProcessPool as broken:
                outcome = ended(self.work.name, broken)
            if isinstance(outcome, Outcome):
                found.append((task, outcome))
            else:
                error = error or outcome or OutfoldError(f"{self.work.name}: a trial was stopped")
        if error is not None:
            self.board.stop()
            raise error
        return sorted(found, key=lambda pair: (pair[0].fold, pair[0].trial, pair[0].step))

    def close(self) -> None:
        """End the processes; what they were doing is done again by the next run."""
        self._executor.shutdown(wait=True, kill_workers=True)


@contextlib.contextmanager
def crew(bench: Bench, size: int, reporter: Reporter) -> Iterator[Crew]:
    """So many hands; ``bench`` is that of this process."""
    if size == 1:
        yield Alone(bench)
        return
    with Switchboard(reporter) as board:
        hands = Processes(bench.work, size, board)
        try:
            yield hands
        finally:
            hands.close()
            board.hear_out()


class _Worker:
    """This process, where it is one of several: what it works for, its line, and its bench once it is open."""

    work: Work | None = None
    line: Line | None = None
    bench: Bench | None = None


def _join(work: Work, address: Address, key: bytes, threads: int) -> None:
    redact_streams()
    set_threads(threads)
    _Worker.work, _Worker.line = work, Line(address, key)


def _in_worker(task: Task) -> Outcome | Exception | None:
    """Do a task; None where it was stopped."""
    assert _Worker.work is not None and _Worker.line is not None
    try:
        _Worker.line.saved()  # what comes after a failure does not begin
        _Worker.bench = _Worker.bench or Bench(_Worker.work, _Worker.line, _Worker.line.place)
        return _Worker.bench.do(task)
    except Stopped:
        return None
    except Exception as error:
        return that_travels(error)
