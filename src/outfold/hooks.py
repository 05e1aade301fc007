"""``competition/hooks.py``: what the user writes in Python for one contest, and how it is called.

The file may define any of::

    def features(train, test):        # two DataFrames by id, without the target; returns both with columns added
    def my_feature(train, rows):      # named by `features: [{function: hooks.py:my_feature}]`
    def postprocess(submission):      # the submission as a DataFrame; returns it changed
    def my_metric(y_true, y_pred):    # named by `metric: hooks.py:my_metric`

The first two get the folder of the contest's files, too, where they name a further parameter ``inputs``.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from outfold.config.competition import Task
from outfold.errors import ConfigError, OutfoldError, nearest, quoted, some
from outfold.metrics import Metric, custom_metric
from outfold.store.inputs_snapshot import take_snapshot

_MEND = "Fix the hook; --debug shows the traceback."
_LOADED: dict[tuple[str, str], types.ModuleType] = {}


@dataclass(frozen=True)
class HookFunction:
    """A function of the user's file by its name. It can be sent to another process, which loads the file for itself."""

    path: Path
    name: str

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Call it.

        Arrays and tables are given as copies: what the function does to its arguments stays its own.

        Raises:
            ConfigError: it raised, asked the process to exit or closed an output stream: with the file, the line and
                the message.
        """
        function = _function(self.path, self.name)
        copies = [arg.copy() if isinstance(arg, np.ndarray | pd.DataFrame | pd.Series) else arg for arg in args]
        with _guarded(self.path, self.name):
            return function(*copies, **named)

    def attribute(self, name: str) -> Any:
        """What the user has set on the function under this name; None where there is nothing."""
        return getattr(_function(self.path, self.name), name, None)


@dataclass(frozen=True)
class Hooks:
    """The user's hooks; a file that is not there has none.

    Attributes:
        path: the user's file.
        inputs: the folder of the contest's files, for a hook that asks for it.
    """

    path: Path
    inputs: Path

    def has(self, name: str) -> bool:
        """Whether the file defines a function of this name."""
        return self.path.exists() and callable(getattr(_load(self.path), name, None))

    def features(self, train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Both tables with the user's features, by id and in the old order; as they were without such a hook.

        Raises:
            ConfigError: it raised, or did not keep the ids.
        """
        if not self.has("features"):
            return train, test
        result = self._call("features", train, test)
        if not (isinstance(result, tuple | list) and len(result) == 2):
            raise ConfigError(
                f"{self.path}: features returned {type(result).__name__}, expected two DataFrames: train, test"
            )
        return self._same_ids(train, result[0], "train"), self._same_ids(test, result[1], "test")

    def made(self, name: str, train: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
        """New columns of rows by the user's ``name(train, rows)``, by id and in the order of ``rows``.

        Args:
            train: rows to learn from, with their targets.
            rows: others, or the same, without.

        Raises:
            ConfigError: it raised, or did not return each row once.
        """
        return self._same_ids(rows, self._call(name, train, rows), "rows", name)

    def _call(self, name: str, *args: Any) -> Any:
        wanted = inspect.signature(_function(self.path, name)).parameters
        before = take_snapshot(self.inputs)
        result = HookFunction(self.path, name)(*args, **({"inputs": self.inputs} if "inputs" in wanted else {}))
        changed = before.changed(take_snapshot(self.inputs))
        if changed:
            raise ConfigError(
                f"{self.path}: {name} changed files in {self.inputs}: {some(changed)}; a hook may only read there",
                remedy="Let it write to another folder, and run `outfold download` or put the files back.",
            )
        return result

    def _same_ids(self, before: pd.DataFrame, after: Any, part: str, name: str = "features") -> pd.DataFrame:
        remedy = "It may add columns, and must keep the rows and the index (merge on the index, or use .map)."
        if not isinstance(after, pd.DataFrame):
            raise ConfigError(f"{self.path}: {name} returned {type(after).__name__} for {part}, expected a DataFrame")
        for axis, names in (("columns", after.columns), ("index", after.index)):
            if isinstance(names, pd.MultiIndex):
                raise ConfigError(
                    f"{self.path}: {name} returned {names.nlevels} levels of {axis} for {part}, expected one",
                    remedy=remedy if axis == "index" else "Join the levels into one name a column.",
                )
        odd_names = [column for column in after.columns if not isinstance(column, str)]
        if odd_names:
            raise ConfigError(
                f"{self.path}: {name} returned columns for {part} whose names are no text: "
                f"{some(map(repr, odd_names))}",
                remedy="Name them, for instance with `frame.add_prefix('pca_')`.",
            )
        if not after.index.is_unique:
            twice = after.index[after.index.duplicated()].unique()
            raise ConfigError(f"{self.path}: {name} returned ids of {part} twice: {some(twice)}", remedy=remedy)
        if len(after) != len(before) or (before.index.get_indexer(after.index) < 0).any():
            odd = before.index.symmetric_difference(after.index)
            raise ConfigError(
                f"{self.path}: {name} did not keep the ids of {part}: {len(before)} rows went in, "
                f"{len(after)} came out (differing in {some(odd)})",
                remedy=remedy,
            )
        repeated = sorted({str(column) for column in after.columns[after.columns.duplicated()]})
        if repeated:
            raise ConfigError(f"{self.path}: {name} returned the column {some(repeated)} twice for {part}")
        return after if after.index.equals(before.index) else after.reindex(before.index)

    def postprocess(self, submission: pd.DataFrame) -> pd.DataFrame:
        """The submission after the user's post-processing; as it was without such a hook.

        Raises:
            ConfigError: it raised, or returned no DataFrame.
        """
        if not self.has("postprocess"):
            return submission
        result = self._call("postprocess", submission)
        if not isinstance(result, pd.DataFrame):
            raise ConfigError(f"{self.path}: postprocess returned {type(result).__name__}, expected a DataFrame")
        return result

    def function(self, name: str) -> HookFunction:
        """The user's function of this name.

        Raises:
            ConfigError: there is no such function (nearest names given).
        """
        _function(self.path, name)
        return HookFunction(self.path, name)

    def metric(self, name: str, task: Task) -> Metric:
        """The metric that the user's function is, bound to the task.

        The function says with attributes what it is: ``my_metric.greater_is_better = False``,
        ``my_metric.wants = "labels"``.

        Raises:
            ConfigError: there is no such function (nearest names given).
        """
        function = _function(self.path, name)
        wants: Any = getattr(function, "wants", "values" if task == "regression" else "probabilities")
        better = bool(getattr(function, "greater_is_better", True))
        return custom_metric(HookFunction(self.path, name), name, greater_is_better=better, wants=wants, task=task)


def _function(path: Path, name: str) -> Callable[..., Any]:
    if not path.exists():
        raise ConfigError(f"{path}: no such file; {quoted(name)} was to be a function in it")
    module = _load(path)
    function = getattr(module, name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if isinstance(value, types.FunctionType)]
        hint = nearest(name, known) or (f"it defines {some(known)}" if known else "it defines no functions")
        raise ConfigError(f"{path}: there is no function {quoted(name)}; {hint}")
    return function


def _load(path: Path) -> types.ModuleType:
    """The user's file as a module; run once for each content that it has had."""
    try:
        source = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: not UTF-8 text ({error.reason} at byte {error.start}); expected Python source",
            remedy="Save it as UTF-8.",
        ) from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: a folder; expected a file of Python source") from None
    if "\0" in source:
        raise ConfigError(f"{path}: not a text (it has null bytes); expected Python source")
    key = (str(path.absolute()), source)
    if key not in _LOADED:
        # compiled here: Python's own cache of modules goes by time stamps, and would miss a quick edit
        name = f"outfold_hooks_{abs(hash(key)):x}"
        module = types.ModuleType(name)
        module.__file__ = str(path)
        sys.modules[name] = module
        try:
            code = compile(source, str(path), "exec")
        except SyntaxError as error:
            raise ConfigError(f"{path}: line {error.lineno}: {error.msg}") from error
        with _guarded(path, ""):
            exec(code, module.__dict__)
        _LOADED[key] = module
    return _LOADED[key]


class _Output:
    """Standard output for a hook: what it prints goes to standard error, so that it mixes with no result.

    ``close`` closes nothing, and is remembered.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self.was_closed = stream, False

    def close(self) -> None:
        self.was_closed = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _guarded(path: Path, name: str) -> Iterator[None]:
    """The user's code runs in the block: whatever it does ends in a result or in one error that names it.

    Raises:
        ConfigError: it raised, asked the process to exit, or closed an output stream.
    """
    label = f"{name}: " if name else ""
    output, errors = _Output(sys.stderr), _Output(sys.stderr)
    were_open = [number for number in (1, 2) if _is_open(number)]
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            yield
    except (OutfoldError, KeyboardInterrupt):
        raise
    except SystemExit as error:
        raise _told(path, f"{label}asked the process to exit: ", error) from error
    except BaseException as error:
        raise _told(path, label, error) from error
    if output.was_closed or errors.was_closed or not all(map(_is_open, were_open)):
        raise ConfigError(f"{path}: {label}it closed an output stream, which is not its own", remedy=_MEND)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _told(path: Path, what: str, error: BaseException) -> ConfigError:
    """The user's own exception, by the last line of the user's file that it passed through."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    where = f"{path}: line {lines[-1]}" if lines else str(path)
    return ConfigError(f"{where}: {what}{type(error).__name__}: {error}", remedy=_MEND)
