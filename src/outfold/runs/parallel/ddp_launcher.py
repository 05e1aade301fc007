"""One model on several devices: processes that torchrun starts, the first of which runs the stage.

``outfold train cnn --processes 2`` starts them itself; ``torchrun --nproc_per_node=2 -m outfold train cnn`` does the
same. The first rank runs the stage and tells the others which folds to fit with it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outfold.config.neural import NeuralPipeline
from outfold.config.pipeline import ModelPipeline
from outfold.errors import ConfigError, OutfoldError
from outfold.exit_codes import BUG, PARENT, USER_ERROR
from outfold.progress import Reporter
from outfold.redaction import redact
from outfold.runs.compute import Compute
from outfold.runs.context import Context
from outfold.runs.train_fold import fit_fold, learner_of
from outfold.store.fold_dir import Shelf
from outfold.threads import VARIABLE, thread_count

if TYPE_CHECKING:
    from torch.distributed.launcher.api import LaunchConfig

_PATIENCE = timedelta(days=30)
"""Ranks wait while the first one trains trees, validates and predicts; one that dies ends the others by itself."""


def started_by_torchrun() -> bool:
    """Whether this process is one of several ranks."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def place() -> int:
    """This rank's number on its machine; 0 for a process alone."""
    return int(os.environ.get("LOCAL_RANK", "0")) if started_by_torchrun() else 0


def train_in_ranks(context: Context, compute: Compute, stage: Callable[[], object]) -> None:
    """Run ``stage`` in the first rank, and in the others what it asks of them.

    Raises:
        SystemExit: of an error, which is left where torchrun looks for it.
    """
    with _errors_left_for_torchrun(), _group():
        from outfold.training.distributed import ranks

        if ranks().leads:
            stage()
            _told(None)
        else:
            context.reporter = Reporter()
            while (asked := _told(None)) is not None:
                _follow(context, compute, *asked)


def call_ranks(config: ModelPipeline, name: str, folds: Sequence[int], made_of: str) -> None:
    """Have the other ranks fit these folds with this one, one after the other; without other ranks, do nothing."""
    if started_by_torchrun() and isinstance(config, NeuralPipeline) and config.by_engine and folds:
        _told((name, list(folds), made_of))


def _told(what: tuple[str, list[int], str] | None) -> tuple[str, list[int], str] | None:
    """What the first rank says, in every rank."""
    from torch import device
    from torch.distributed import broadcast_object_list

    said = [what]
    broadcast_object_list(said, src=0, device=device("cpu"))
    return said[0]


def _follow(context: Context, compute: Compute, name: str, folds: list[int], made_of: str) -> None:
    context = Context(context.root, context.reporter)
    config = context.model_config(name)
    devices = compute.devices_for(config, str(context.layout.pipeline_config(name)))
    learner = learner_of(context, name, made_of, devices, place())
    for fold in folds:
        fit_fold(context, name, learner, _ReadShelf(context.layout.fold(name, fold)), fold)


class _ReadShelf(Shelf):
    """A fold's shelf that the first rank alone writes."""

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder) / "unused"

    def discard(self, name: str) -> None:
        pass

    def finish(self, **facts: Any) -> None:
        pass


@contextlib.contextmanager
def _group() -> Iterator[None]:
    """The ranks' group; a rank ends at once when it is told to."""
    import torch
    from torch import distributed as dist

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    on_gpus = torch.cuda.is_available()
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpus else "gloo", timeout=_PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


@contextlib.contextmanager
def _errors_left_for_torchrun() -> Iterator[None]:
    """Every rank may meet the same error: it is told once, by whoever started them."""
    try:
        yield
    except Exception as error:
        known = isinstance(error, OutfoldError)
        file = os.environ.get("TORCHELASTIC_ERROR_FILE")
        said = redact(str(error) if known else traceback.format_exc())
        if file:
            Path(file).write_text(json.dumps({"message": said, "timestamp": int(time.time())}), encoding="utf-8")
        else:
            print(said, file=sys.stderr, flush=True)
        # not by way of the interpreter, which would wait for ranks that wait for this one
        sys.stdout.flush()
        os._exit(USER_ERROR if known else BUG)


def start_ranks(processes: int, arguments: Sequence[str]) -> None:
    """Run ``outfold`` with these arguments in so many ranks on this machine, and wait for them.

    Raises:
        OutfoldError: what one of them could not go on for.
        RuntimeError: a bug in one of them.
    """
    if sys.platform == "win32":
        raise ConfigError("--processes: torchrun does not run on Windows")
    most = _most_processes()
    if processes > most:
        raise ConfigError(
            f"--processes {processes}: this machine has GPUs or cores for {most}",
            remedy="Give at most one process a GPU, or without GPUs a core.",
        )
    from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs
    from torch.distributed.launcher.api import LaunchConfig

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    os.environ[VARIABLE] = str(max(1, thread_count() // processes))
    os.environ[PARENT] = str(os.getpid())
    with tempfile.TemporaryDirectory(prefix="outfold-") as logs:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="127.0.0.1",
            run_id=f"outfold-{os.getpid()}",
            max_restarts=0,
            monitor_interval=0.2,
            logs_specs=DefaultLogsSpecs(log_dir=logs),
        )
        try:
            _launch(config, arguments)
        finally:
            os.environ.pop(PARENT)


def _most_processes() -> int:
    """GPUs, or cores where these are more; two can always share what there is."""
    import torch

    return max(2, torch.cuda.device_count(), os.cpu_count() or 1)


def _launch(config: LaunchConfig, arguments: Sequence[str]) -> None:
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import elastic_launch

    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        elastic_launch(config, sys.executable)("-m", "outfold", *arguments)
    except ChildFailedError as failed:
        _, first = failed.get_first_failure()
        if first.exitcode == BUG:
            raise RuntimeError(first.message) from None
        if first.exitcode < 0:
            raise OutfoldError(
                f"one of {config.nproc_per_node} processes was ended by the system (signal {-first.exitcode})",
                remedy="What was saved is kept: the same command goes on from there.",
            ) from None
        raise OutfoldError(str(first.message)) from None
    except SignalException as stop:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.raise_signal(stop.sigval)
