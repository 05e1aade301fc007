"""All searches of a pipeline, side by side: which inner fold of which trial comes next, and which trial ends there.

Trials of one search follow each other, so that each knows all before it. Hands that would be idle do later inner folds
of trials under way; where an earlier one ends its trial, what they found is dropped. So no result depends on how many
there are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from outfold.contest import Contest
from outfold.errors import ConfigError
from outfold.progress import Bar, Reporter
from outfold.runs.scoring import pooled_score
from outfold.runs.tuning.executors import Crew
from outfold.runs.tuning.study import Search, Trial
from outfold.runs.tuning.trial_runner import Bench, Outcome, Task


@dataclass
class _Run:
    """A trial under way.

    Attributes:
        steps: how many inner folds it has.
        begun: how many were given to the crew.
        outcomes: by inner fold; those that are counted are 0, 1, ... up to ``counted``.
        left: how many are with the crew.
    """

    search: Search
    trial: Trial
    steps: int
    folder: Path
    begun: int = 0
    counted: int = 0
    left: int = 0
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    frames: list[pd.DataFrame] = field(default_factory=list)
    settled: bool = False

    @property
    def next_task(self) -> Task:
        """The first inner fold that was not given to anyone."""
        step, trial, search = self.begun, self.trial, self.search
        limits = {} if trial.start else search.limits(step)
        return Task(search.fold, trial.place, step, trial.changes, self.folder, limits, search.greater)


class Race:
    """The searches, and what is under way.

    Args:
        inner: how many inner folds each search has, by outer fold.
        folder: for the trials' shelves.
    """

    def __init__(
        self, contest: Contest, searches: Sequence[Search], inner: Mapping[int, int], folder: Path, reporter: Reporter
    ) -> None:
        self.contest, self.searches, self.inner, self.folder, self.reporter = contest, searches, inner, folder, reporter
        self._runs: list[_Run] = []

    def run(self, hands: Crew, trials: int, timeout: float | None) -> None:
        """Settle so many trials of each search; after ``timeout`` seconds none is begun.

        Raises:
            OutfoldError: the pipeline cannot be trained as it stands, or what is no fault of a trial's keys.
        """
        began = time.monotonic()
        left = {search.fold: max(0, trials - len(search.trials)) for search in self.searches}
        total = sum(self.inner[fold] * count for fold, count in left.items())
        with self.reporter.bar("tune", total, "fits") as bar:
            while True:
                late = timeout is not None and time.monotonic() - began >= timeout
                self._begin_trials(trials, late, bar)
                for run in self._in_turn(hands.size - sum(run.left for run in self._runs)):
                    hands.begin(run.next_task)
                    run.begun, run.left = run.begun + 1, run.left + 1
                if not any(run.left for run in self._runs):
                    return
                for task, outcome in hands.ended():
                    self._take(task, outcome, bar)

    def _begin_trials(self, trials: int, late: bool, bar: Bar) -> None:
        busy = {run.search.fold for run in self._runs if not run.settled}
        for search in self.searches:
            while search.fold not in busy and len(search.trials) < trials and not late:
                trial = search.begin()
                before = search.like(trial)
                if before is None:
                    folder = self.folder / f"{search.fold}-{trial.place}"
                    self._runs.append(_Run(search, trial, self.inner[search.fold], folder))
                    break
                search.repeat(trial, before)
                bar.advance(self.inner[search.fold])

    def _in_turn(self, room: int) -> Iterator[_Run]:
        """Whose inner fold comes next: nobody's who runs ahead while another waits; then who has the fewest trials."""
        for _ in range(room):
            waiting = [run for run in self._runs if not run.settled and run.begun < run.steps]
            if not waiting:
                return
            yield min(waiting, key=lambda run: (run.begun - run.counted, run.trial.place, run.search.fold))

    def _take(self, task: Task, outcome: Outcome, bar: Bar) -> None:
        (run,) = (run for run in self._runs if (run.search.fold, run.trial.place) == (task.fold, task.trial))
        run.left -= 1
        run.outcomes[task.step] = outcome
        while not run.settled and run.counted in run.outcomes:
            self._count(run, run.outcomes[run.counted], bar)
        if run.settled and not run.left:
            Bench.clear(run.folder)
            self._runs.remove(run)

    def _count(self, run: _Run, outcome: Outcome, bar: Bar) -> None:
        """One more inner fold of a trial, and what comes of it."""
        search, trial, step = run.search, run.trial, run.counted
        run.counted += 1
        if outcome.refused is not None:
            if trial.start:
                raise ConfigError(outcome.refused)
            self.reporter.warn(f"fold {search.fold}, trial {trial.place} is refused: {outcome.refused}")
            search.refuse(trial, outcome.refused)
            run.settled = True
        elif outcome.frame is None:
            trial.report(step, math.nan, outcome.watched)
            search.prune(trial)
            run.settled = True
        else:
            run.frames.append(outcome.frame)
            value = pooled_score(self.contest, pd.concat(run.frames, ignore_index=True))
            trial.report(step, value, outcome.watched)
            if run.counted == run.steps:
                search.finish(trial, value)
                run.settled = True
            elif not trial.start and search.falls_behind(step, value):
                search.prune(trial)
                run.settled = True
        bar.advance(1 + (run.steps - run.counted if run.settled else 0), **self._best())

    def _best(self) -> dict[str, str]:
        """How far the searches are, and the mean of their best scores beside those that they began with."""
        finished = [search for search in self.searches if search.start is not None]
        if not finished:
            return {}
        starts = [search.start.value or 0.0 for search in finished if search.start is not None]
        best = [search.ranked[0].value or 0.0 for search in finished]
        return {
            "trials": f"{sum(len(search.trials) for search in self.searches)}",
            "best": f"{sum(best) / len(best):.5f}",
            "start": f"{sum(starts) / len(starts):.5f}",
        }
