"""A training that is stopped: at a step, or as it has saved a checkpoint."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from outfold.training import trainer as engine
from outfold.training.step import Step


class Stop(Exception):
    """The end of the process, as far as the training can tell."""


@contextlib.contextmanager
def stopped_at_step(monkeypatch: pytest.MonkeyPatch, number: int) -> Iterator[None]:
    """The training inside the block ends before its step ``number``, counted from 0; it must come to that."""
    taken, done = Step.__call__, 0

    def stops(self: Step, *args: Any) -> Any:
        nonlocal done
        if done == number:
            raise Stop
        done += 1
        return taken(self, *args)

    with monkeypatch.context() as patched:
        patched.setattr(Step, "__call__", stops)
        with pytest.raises(Stop):
            yield


@contextlib.contextmanager
def stopped_at_save(monkeypatch: pytest.MonkeyPatch, number: int) -> Iterator[None]:
    """The training inside the block ends as soon as its ``number``-th checkpoint is saved; it must come to that."""
    saved, done = engine.save_checkpoint, 0

    def stops(*args: Any) -> None:
        nonlocal done
        saved(*args)
        done += 1
        if done == number:
            raise Stop

    with monkeypatch.context() as patched:
        patched.setattr(engine, "save_checkpoint", stops)
        with pytest.raises(Stop):
            yield
