"""The names of a library's parameters, and how those of a pipeline's file are read by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from outfold.errors import ConfigError, nearest

SHARED = (
    *("learning_rate", "max_depth", "num_leaves", "lambda_l2", "feature_fraction", "bagging_fraction", "max_bin"),
)
"""Names that mean the same in every library: LightGBM's."""

_OURS = {
    "seed": "seed",
    "rounds": "rounds",
    "patience": "early_stopping",
    "device": "device",
    "monotone": "monotone",
}
"""What a pipeline says with keys of its own, whatever the library calls it."""

_ELSEWHERE = {
    "data": "the contest names the data",
    "categories": "columns.categorical in competition.yaml names the categories",
    "ignored": "columns.ignore in competition.yaml, or features here, leaves columns out",
    "kept": "models and predictions are kept with the fold",
    "fresh": "every fold starts from nothing",
    "alone": "training is on this machine",
    "said": "predictions are probabilities or values",
    "stages": "the stages train and predict",
    "told": "the command shows what is under way",
}
"""Why a parameter cannot be set."""


@dataclass(frozen=True)
class Vocabulary:
    """What a library understands.

    Attributes:
        library: its name, for messages.
        page: where its parameters are described.
        names: every name that it understands, and :data:`SHARED`, to the parameter's main name.
        own_keys: main names that are keys of the pipeline, by what they are (``seed``, ``rounds``, ...).
        elsewhere: main names that cannot be set, by why.
        balancing: main names that weigh the classes, as ``class_weight`` does.
    """

    library: str
    page: str
    names: Mapping[str, str]
    own_keys: Mapping[str, Sequence[str]]
    elsewhere: Mapping[str, Sequence[str]]
    balancing: Sequence[str]

    def read(self, params: Mapping[str, Any], where: Path) -> dict[str, Any]:
        """The parameters of a pipeline's file, by their main names.

        Raises:
            ConfigError: a name that the library does not know (nearest names given), one parameter said twice, one that
                is a key of the pipeline or of the contest, or a value that is none.
        """
        ours = {main: _OURS[key] for key, mains in self.own_keys.items() for main in mains}
        why = {main: _ELSEWHERE[key] for key, mains in self.elsewhere.items() for main in mains}
        said: dict[str, Any] = {}
        for name, value in params.items():
            main = self.names.get(name)
            if main is None:
                hint = nearest(name, list(self.names))
                raise ConfigError(
                    f"{where}: params.{name}: {self.library} has no such parameter" + (f"; {hint}" if hint else ""),
                    remedy=f"Its parameters: {self.page}",
                )
            if main in ours:
                raise ConfigError(f"{where}: params.{name}: set the pipeline's own key `{ours[main]}` instead")
            if main in why:
                raise ConfigError(f"{where}: params.{name}: cannot be set: {why[main]}")
            if main in said:
                raise ConfigError(f"{where}: params.{name}: another name for {main}, which is set already")
            if isinstance(value, Mapping):
                raise ConfigError(f"{where}: params.{name}: expected a number, a word or a list, found a mapping")
            said[main] = value
        return said

    def check_balance(self, said: Mapping[str, Any], where: Path) -> None:
        """Raises ConfigError where the parameters would balance the classes beside ``class_weight``."""
        for rival in self.balancing:
            if rival in said:
                raise ConfigError(f"{where}: class_weight and params.{rival} would balance twice; keep one")


def check_objective(value: Any, fitting: Sequence[str], task: str, where: Path) -> None:
    """Raises ConfigError for an objective whose predictions are not what the task asks."""
    if value is not None and str(value) not in fitting and str(value).partition(":")[0] not in fitting:
        raise ConfigError(
            f"{where}: params.objective: '{value}' does not fit a {task} task; one of {', '.join(fitting)}"
        )


def default_params(library: str) -> dict[str, Any]:
    """By the library's own main names.

    Args:
        library: as ``library`` in a pipeline names it.
    """
    return dict(import_module(f"outfold.learners.gbdt.{library}_params").DEFAULTS)
