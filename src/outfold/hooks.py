"""``competition/hooks.py``: what the user writes in Python for one contest, and how it is called.

The file may define any of::

    def features(train, test):        # two DataFrames by id, without the target; returns both with columns added
    def my_feature(train, rows):      # named by `features: [{function: hooks.py:my_feature}]`
    def postprocess(submission):      # the submission as a DataFrame; returns it changed
    def my_metric(y_true, y_pred):    # named by `metric: hooks.py:my_metric`

The first two get the folder of the contest's files, too, where they name a further parameter ``inputs``.
"""

from __future__ import annotations

import inspect
import sys
import traceback
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from outfold.config.competition import Task
from outfold.errors import ConfigError, OutfoldError, nearest, quoted, some
from outfold.metrics import Metric, custom_metric

_LOADED: dict[tuple[str, str], types.ModuleType] = {}


@dataclass(frozen=True)
class HookFunction:
    """A function of the user's file by its name. It can be sent to another process, which loads the file for itself."""

    path: Path
    name: str

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Call it.

        Raises:
            ConfigError: it raised: with the file, the line and the message.
        """
        function = _function(self.path, self.name)
        try:
            return function(*args, **named)
        except OutfoldError:
            raise
        except Exception as error:
            raise _told(self.path, f"{self.name}: ", error) from error

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
        result = self._call("features", train.copy(), test.copy())
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
        return self._same_ids(rows, self._call(name, train.copy(), rows.copy()), "rows", name)

    def _call(self, name: str, *args: Any) -> Any:
        wanted = inspect.signature(_function(self.path, name)).parameters
        return HookFunction(self.path, name)(*args, **({"inputs": self.inputs} if "inputs" in wanted else {}))

    def _same_ids(self, before: pd.DataFrame, after: Any, part: str, name: str = "features") -> pd.DataFrame:
        remedy = "It may add columns, and must keep the rows and the index (merge on the index, or use .map)."
        if not isinstance(after, pd.DataFrame):
            raise ConfigError(f"{self.path}: {name} returned {type(after).__name__} for {part}, expected a DataFrame")
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
        result = self._call("postprocess", submission.copy())
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
    source = path.read_text(encoding="utf-8")
    key = (str(path.absolute()), source)
    if key not in _LOADED:
        # compiled here: Python's own cache of modules goes by time stamps, and would miss a quick edit
        name = f"outfold_hooks_{abs(hash(key)):x}"
        module = types.ModuleType(name)
        module.__file__ = str(path)
        sys.modules[name] = module
        try:
            exec(compile(source, str(path), "exec"), module.__dict__)
        except SyntaxError as error:
            raise ConfigError(f"{path}: line {error.lineno}: {error.msg}") from error
        except Exception as error:
            raise _told(path, "", error) from error
        _LOADED[key] = module
    return _LOADED[key]


def _told(path: Path, what: str, error: Exception) -> ConfigError:
    """The user's own exception, by the last line of the user's file that it passed through."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    where = f"{path}: line {lines[-1]}" if lines else str(path)
    return ConfigError(f"{where}: {what}{type(error).__name__}: {error}", remedy="Mend the hook; --debug shows more.")
