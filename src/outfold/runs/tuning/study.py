"""The search inside one fold's training part: Optuna's trials, one after the other, in a file.

What a trial tries depends on the seed, on its place in the search and on the trials before it alone; so a search that
was killed goes on as if it had not been, and no trial depends on how many processes there are.
"""

from __future__ import annotations

import json
import math
import statistics
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outfold.config.search_space import Range, Space
from outfold.errors import ConfigError
from outfold.randomness import derive_seed

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

STARTUP = 5
"""Trials that are finished before one may be pruned."""
_EPOCHS = 1_000_000
"""Optuna knows one number for a step: of an inner fold and of an epoch in it."""
_START, _KEYS, _REFUSED = "start", "keys", "refused"


def load_optuna() -> Any:
    """The library, which is quiet.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise ConfigError("tune: Optuna is not installed", remedy='Run `pip install "outfold[tune]"`.') from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def open_storage(path: Path) -> Any:
    """The file of all searches of a pipeline (SQLite)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return load_optuna().storages.RDBStorage(f"sqlite:///{path}")


class Trial:
    """A trial under way.

    Attributes:
        place: how many were settled before it.
        changes: the keys that make it, as they are written in a file.
        start: whether it is the pipeline as it stands.
    """

    def __init__(self, asked: optuna.Trial, place: int, changes: Mapping[str, Any], start: bool) -> None:
        self.asked, self.place, self.changes, self.start = asked, place, dict(changes), start

    def report(self, step: int, value: float, watched: Sequence[float]) -> None:
        """What it scored on all inner folds up to one, and what the learner showed of this one, epoch by epoch."""
        for epoch, score in enumerate(watched, start=1):
            self.asked.report(score, step * _EPOCHS + epoch)
        if math.isfinite(value):
            self.asked.report(value, (step + 1) * _EPOCHS)


class Search:
    """One study.

    Args:
        fold: inside whose training part it is.
        name: of the study, which says what it is made of.
        space: what to search, by key.
        start: the pipeline's own values of these keys, where it has any that are among those to search.
    """

    def __init__(
        self, storage: Any, fold: int, name: str, greater: bool, space: Space, start: Mapping[str, Any], seed: int
    ) -> None:
        self._optuna = load_optuna()
        self.fold, self.greater, self.space, self.seed = fold, greater, space, seed
        self.own = dict(start)
        self._settled: list[FrozenTrial] | None = None
        self.study = self._optuna.create_study(
            study_name=name,
            storage=storage,
            direction="maximize" if greater else "minimize",
            pruner=self._optuna.pruners.NopPruner(),
            load_if_exists=True,
        )
        self._put_aside_what_was_running()

    @property
    def trials(self) -> list[FrozenTrial]:
        """All that are settled: finished, pruned or refused."""
        if self._settled is None:
            states = self._optuna.trial.TrialState
            self._settled = [
                trial
                for trial in self.study.get_trials(deepcopy=False)
                if trial.state in (states.COMPLETE, states.PRUNED)
                or (trial.state == states.FAIL and _REFUSED in trial.user_attrs)
            ]
        return self._settled

    @property
    def finished(self) -> list[FrozenTrial]:
        """Those that came to their end, with a score."""
        return [trial for trial in self.trials if trial.state == self._optuna.trial.TrialState.COMPLETE]

    @property
    def start(self) -> FrozenTrial | None:
        """The pipeline as it stands."""
        return next((trial for trial in self.finished if _START in trial.user_attrs), None)

    @property
    def ranked(self) -> list[FrozenTrial]:
        """Those that are finished, the best first, of equals the earliest."""
        sign = -1 if self.greater else 1
        return sorted(self.finished, key=lambda trial: (sign * (trial.value or 0.0), trial.number))

    def begin(self) -> Trial:
        """The next trial; the first one is the pipeline as it stands."""
        place = len(self.trials)
        waiting = self.study.get_trials(deepcopy=False, states=(self._optuna.trial.TrialState.WAITING,))
        if place == 0 and not waiting:
            known = {key: _optunas(self.space[key], value) for key, value in self.own.items()}
            self.study.enqueue_trial(known, user_attrs={_START: True})
        with warnings.catch_warnings():
            # Optuna calls what it recommends (sampling keys together) experimental
            warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
            self.study.sampler = self._optuna.samplers.TPESampler(
                multivariate=True, group=True, seed=derive_seed("tune", self.seed, place) % 2**32
            )
            keys = self.own if place == 0 else self.space
            asked = self.study.ask({key: _distribution(self.space[key]) for key in keys})
        changes = {} if place == 0 else {key: _written(self.space[key], asked.params[key]) for key in keys}
        asked.set_user_attr(_KEYS, changes)
        return Trial(asked, place, changes, start=place == 0)

    def like(self, trial: Trial) -> FrozenTrial | None:
        """A settled trial of the same keys: it need not be done again."""
        if trial.start:
            return None
        if trial.changes == self.own:
            return self.start
        return next((one for one in self.trials if keys_of(one) == trial.changes), None)

    def repeat(self, trial: Trial, before: FrozenTrial) -> None:
        """Settle a trial as one of the same keys was."""
        if reason := before.user_attrs.get(_REFUSED):
            self.refuse(trial, reason)
            return
        for step, value in before.intermediate_values.items():
            trial.asked.report(value, step)
        pruned = before.state == self._optuna.trial.TrialState.PRUNED
        self._tell(trial, None if pruned else before.value, before.state)

    def finish(self, trial: Trial, value: float) -> None:
        """Settle a trial with its score; one without is refused."""
        if math.isfinite(value):
            self._tell(trial, value, self._optuna.trial.TrialState.COMPLETE)
        else:
            self.refuse(trial, "the metric is not defined on these predictions")

    def prune(self, trial: Trial) -> None:
        """Settle a trial that fell behind."""
        self._tell(trial, None, self._optuna.trial.TrialState.PRUNED)

    def refuse(self, trial: Trial, reason: str) -> None:
        """Settle a trial whose keys the learner does not take."""
        trial.asked.set_user_attr(_REFUSED, reason)
        self._tell(trial, None, self._optuna.trial.TrialState.FAIL)

    def _tell(self, trial: Trial, value: float | None, state: Any) -> None:
        self.study.tell(trial.asked, value, state=state)
        self._settled = None

    def falls_behind(self, step: int, value: float) -> bool:
        """Whether a score of all inner folds up to one is worse than the median of those that are finished."""
        limit = self._median((step + 1) * _EPOCHS)
        return limit is not None and (not math.isfinite(value) or (value < limit if self.greater else value > limit))

    def limits(self, step: int) -> dict[int, float]:
        """What a learner's own score of an inner fold must reach, by epoch."""
        numbers = {number for trial in self.finished for number in trial.intermediate_values}
        epochs = [number - step * _EPOCHS for number in numbers]
        found = {epoch: self._median(step * _EPOCHS + epoch) for epoch in epochs if 0 < epoch < _EPOCHS}
        return {epoch: limit for epoch, limit in found.items() if limit is not None}

    def _median(self, number: int) -> float | None:
        values = [trial.intermediate_values.get(number) for trial in self.finished]
        known = [value for value in values if value is not None]
        return statistics.median(known) if len(known) >= STARTUP else None

    def _put_aside_what_was_running(self) -> None:
        """Trials of a process that is gone: each is done again, under another number."""
        states = self._optuna.trial.TrialState
        for trial in self.study.get_trials(deepcopy=False, states=(states.RUNNING,)):
            self.study.tell(trial.number, state=states.FAIL)


def keys_of(trial: FrozenTrial) -> dict[str, Any]:
    """The keys that made a trial."""
    return dict(trial.user_attrs[_KEYS])


def own_value(search: Range | list[Any], value: Any) -> bool:
    """Whether a pipeline's own value is among those to search."""
    return search.holds(value) if isinstance(search, Range) else value in search


def _distribution(search: Range | list[Any]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(search, Range):
        return CategoricalDistribution([_optunas(search, choice) for choice in search])
    if search.whole:
        return IntDistribution(int(search.low), int(search.high), log=search.log, step=int(search.step or 1))
    return FloatDistribution(float(search.low), float(search.high), log=search.log, step=search.step)


def _optunas(search: Range | list[Any], value: Any) -> Any:
    """A value as Optuna keeps it: of choices, lists and mappings too, their JSON."""
    return value if isinstance(search, Range) else json.dumps(value, sort_keys=True)


def _written(search: Range | list[Any], value: Any) -> Any:
    return search.written(value) if isinstance(search, Range) else json.loads(value)
