"""Folds side by side: a process each, on a device and a share of the threads of its own."""

from __future__ import annotations

import contextlib
import pickle
import signal
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from outfold.errors import OutfoldError
from outfold.learners.base import Learner
from outfold.progress import Reporter, Stopped
from outfold.redaction import redact_streams
from outfold.runs.context import Context
from outfold.runs.parallel.progress_relay import Address, Line, Switchboard
from outfold.runs.train_fold import learner_of, train_fold
from outfold.store.fold_dir import Shelf
from outfold.threads import set_threads, thread_count


@dataclass(frozen=True)
class Work:
    """What all processes need to know.

    Attributes:
        name: of the pipeline.
        made_of, inference: the stage's fingerprints; a worker must find the first one, too.
        devices: by torch's names, which the processes are given in turn; empty for a learner that has none.
    """

    root: Path
    name: str
    made_of: str
    inference: str
    devices: Sequence[str]


def train_side_by_side(work: Work, folds: Sequence[int], jobs: int, reporter: Reporter) -> None:
    """Train folds in ``jobs`` processes, each on its share of this process's threads.

    A fold that fails lets the others come to their next checkpoint; then its error is raised, as if it had been trained
    here. Folds that were stopped go on from there when they are trained again.

    Raises:
        OutfoldError: from a fold, or a process that the system has ended.
    """
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    threads = max(1, thread_count() // jobs)
    error: Exception | None = None
    with Switchboard(reporter) as board:
        try:
            with parallel_config("loky", inner_max_num_threads=threads), interrupts_kept_from_children():
                results = Parallel(
                    jobs,
                    batch_size=1,
                    pre_dispatch="all",
                    max_nbytes=None,
                    return_as="generator_unordered",
                    initializer=_join,
                    initargs=(board.address, board.key, threads),
                )(delayed(_in_worker)(work, fold) for fold in folds)
            for failed in results:
                if failed is not None and error is None:
                    error = failed
                    board.stop()
        except BrokenProcessPool as broken:
            error = error or ended(work.name, broken)
        finally:
            # idle processes would keep the memory of what they trained last
            get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)
        board.hear_out()
    if error is not None:
        raise error


def ended(name: str, broken: Exception) -> OutfoldError:
    error = OutfoldError(
        f"{name}: a process that trained a fold was ended by the system, most likely for lack of memory",
        remedy="Ask for fewer --jobs. What was saved is kept: the same command goes on from there.",
    )
    error.__cause__ = broken
    return error


@contextlib.contextmanager
def interrupts_kept_from_children() -> Iterator[None]:
    """Processes started in the block never see Ctrl-C: it is for the stage, which ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Worker:
    """This process, where it is one that trains folds: its line, and the pipeline that it has opened."""

    line: Line | None = None
    opened: tuple[Context, Learner] | None = None


def _join(address: Address, key: bytes, threads: int) -> None:
    """What a worker does first."""
    redact_streams()
    set_threads(threads)
    _Worker.line = Line(address, key)


def _in_worker(work: Work, fold: int) -> Exception | None:
    """Train a fold; None where that went well, or was stopped."""
    assert _Worker.line is not None
    try:
        _Worker.line.saved()  # what comes after a failure does not begin
        context, learner = _Worker.opened = _Worker.opened or _open(work, _Worker.line)
        train_fold(context, work.name, learner, Shelf(context.layout.fold(work.name, fold)), fold, work.inference)
    except Stopped:
        return None
    except Exception as error:
        return that_travels(error)
    return None


def _open(work: Work, line: Line) -> tuple[Context, Learner]:
    """The contest and the learner; once a process, which keeps its device."""
    context = Context(work.root, line)
    return context, learner_of(context, work.name, work.made_of, work.devices, line.place)


def that_travels(error: Exception) -> Exception:
    """The error with its traceback as a note, for --debug; in words, where it cannot be sent to another process."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
