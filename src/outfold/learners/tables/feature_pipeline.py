"""The features of a pipeline, made: once of all rows, or fold by fold from what its training part teaches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outfold.contest import Contest
from outfold.data.features.base import Fitted, Plain, Step, Targets
from outfold.errors import ConfigError, nearest, some
from outfold.learners.base import Part
from outfold.learners.inner_cv import Places, blind_folds
from outfold.learners.tables.feature_plan import Columns, FeaturePlan
from outfold.learners.tables.hook_feature import Hooked, role_of
from outfold.learners.tables.targets import problems_of, target_table
from outfold.progress import Reporter
from outfold.store.fold_dir import Shelf

CROSSED = 5
"""Parts of the cross-fitting inside a training part, and the seed that draws them."""
_SEED = 0
_COLUMNS = "features/columns.json"

Taken = dict[str, pd.Series]


@dataclass(frozen=True, eq=False)
class FittedFeatures:
    """What a fold's training part has taught.

    Attributes:
        columns: what a learner sees.
        learnt: a table for each step that learns, in order.
    """

    columns: Columns
    learnt: tuple[pd.DataFrame, ...]

    def put(self, shelf: Shelf) -> None:
        """Keep it with the fold."""
        for number, table in enumerate(self.learnt):
            with shelf.writing(_file(number)) as path:
                table.to_parquet(path, index=False)
        if self.learnt:
            shelf.put(_COLUMNS, (json.dumps(self.columns._asdict(), indent=1) + "\n").encode())


class MadeFeatures:
    """Rows of a contest with the columns of a pipeline's plan, by id."""

    def __init__(self, contest: Contest, plan: FeaturePlan, name: str, reporter: Reporter) -> None:
        self.contest, self.plan, self.name, self.reporter = contest, plan, name, reporter
        self._early: dict[Part, pd.DataFrame] | None = None

    def fit(self, ids: pd.Index) -> tuple[FittedFeatures, pd.DataFrame]:
        """Learn from these training rows, and from no others; and the rows themselves.

        A training row's columns that the targets teach come from other training rows, cut as the contest's folds are.
        One without such rows (the earliest of a time series) has none: the value is missing.
        """
        places = self.contest.places("train", ids)
        if (np.diff(places) < 0).any():  # whatever the order of the ids, the same parts and the same sums
            fitted, rows = self.fit(ids[np.argsort(places)])
            return fitted, rows.loc[ids]
        taken, learnt = self._begin("train", ids), []
        columns = self.plan.columns
        parts: list[Places] | None = None
        targets: Targets | None = None
        with self.reporter.bar(f"{self.name}: features", len(self.plan.late), "steps") as bar:
            for step in self.plan.late:
                sources = _some(taken, step, ids)
                if not isinstance(step, Fitted):
                    made = _made(step, sources)
                else:
                    if step.from_targets and targets is None:
                        targets = self._targets(ids)
                    learnt.append(step.fit(sources, targets if step.from_targets else None))
                    if step.crossed and targets is not None:
                        parts = blind_folds(self.contest, ids, n=CROSSED, seed=_SEED) if parts is None else parts
                        made = step.cross(sources, targets, parts)
                    else:
                        made = step.apply(sources, learnt[-1])
                    if isinstance(step, Hooked):
                        columns = self._with(columns, made, step)
                taken |= _columns(made)
                bar.advance(1)
        self._check_dropped(taken)
        fitted = FittedFeatures(columns, tuple(learnt))
        return fitted, _frame(taken, fitted.columns.names, ids)

    def rows(self, part: Part, ids: pd.Index, fitted: FittedFeatures) -> pd.DataFrame:
        """Any rows, by what a fold's training part has taught."""
        taken, learnt = self._begin(part, ids), iter(fitted.learnt)
        for step in self.plan.late:
            sources = _some(taken, step, ids)
            made = step.apply(sources, next(learnt)) if isinstance(step, Fitted) else _made(step, sources)
            taken |= _columns(made)
        lacking = [name for name in fitted.columns.names if name not in taken]
        if lacking:
            raise ConfigError(
                f"{self.contest.hooks.path}: a function returned {some(lacking)} for training rows, and not for others"
            )
        return _frame(taken, fitted.columns.names, ids)

    def of(self, shelf: Shelf) -> FittedFeatures:
        """What ``put`` left on the shelf of a fold."""
        tables = [pd.read_parquet(shelf.checked(_file(number))) for number in range(len(self.plan.fitted))]
        if not any(isinstance(step, Hooked) for step in self.plan.late):
            return FittedFeatures(self.plan.columns, tuple(tables))
        return FittedFeatures(Columns(**shelf.read_json(_COLUMNS)), tuple(tables))

    def told(self, columns: Columns) -> str:
        """How many columns are made, for a person to read."""
        own = {name for name in columns.names if name in self.contest.train}
        before = {name for step in self.plan.early for name in step.names}
        made = [name for name in columns.names if name not in own]
        learnt = sum(name not in before for name in made)
        words = f"{len(own)} columns of the contest, {len(made)} features made"
        return words + (f", {learnt} of them from what each fold's training part teaches" if learnt else "")

    def _with(self, columns: Columns, made: pd.DataFrame, step: Hooked) -> Columns:
        """The columns, and those that a function of the user's has made.

        Raises:
            ConfigError: one that there is already.
        """
        there = {name for one in (*self.plan.early, *self.plan.late) for name in one.names} | {*columns.names}
        twice = [name for name in made if name in there]
        if twice:
            raise ConfigError(
                f"{self.contest.hooks.path}: {step.function} returned {some(twice)}, which another feature makes",
                remedy="Name it otherwise.",
            )
        seen = {str(name): role_of(column) for name, column in made.items() if name not in self.plan.drop}
        of_role = {role: [name for name, own in seen.items() if own == role] for role in ("number", "category", "date")}
        return Columns(
            [*columns.continuous, *of_role["number"]],
            [*columns.categorical, *of_role["category"]],
            [*columns.dates, *of_role["date"]],
            columns.images,
        )

    def _check_dropped(self, taken: Taken) -> None:
        for name in self.plan.drop:
            if name not in taken:
                hint = nearest(name, list(taken)) or f"there are {some(taken, 10)}"
                where = self.contest.layout.pipeline_config(self.name)
                raise ConfigError(f"{where}: drop: no such column '{name}'; {hint}")

    def _begin(self, part: Part, ids: pd.Index) -> Taken:
        """The columns of these rows that do not depend on the fold, as far as they are needed.

        Raises:
            KeyError: an id that the part has not.
        """
        needed = {*self.plan.columns.names, *(name for step in self.plan.late for name in step.sources)}
        whole = self.contest.train if part == "train" else self.contest.test
        frames = [frame[[name for name in frame if name in needed]] for frame in (whole, self._made_early()[part])]
        if ids is not whole.index:
            places = self.contest.places(part, ids)
            # one index for all: columns are put side by side without a look at their ids
            frames = [frame.take(places).set_axis(ids) for frame in frames]
        return {str(name): column for frame in frames for name, column in frame.items()}

    def _made_early(self) -> dict[Part, pd.DataFrame]:
        """The columns of steps that learn nothing, of all training and test rows.

        They are made with the rows that ``train_where`` leaves out, which may be what was there before.
        """
        if self._early is None:
            train, aside, test = self.contest.train, self.contest.aside, self.contest.test
            known = {name for step in self.plan.early for name in step.sources if name in train}
            every = pd.concat([frame[sorted(known)] for frame in (train, aside, test)], ignore_index=True)
            taken: Taken = {str(name): column for name, column in every.items()}
            with self.reporter.bar(f"{self.name}: features of all rows", len(self.plan.early), "steps") as bar:
                for step in self.plan.early:
                    taken |= _columns(step.make(_some(taken, step, every.index)))
                    bar.advance(1)
            made = _frame(taken, [name for step in self.plan.early for name in step.names], every.index)
            self._early = {
                "train": made.iloc[: len(train)].set_axis(train.index),
                "test": made.iloc[len(train) + len(aside) :].set_axis(test.index),
            }
        return self._early

    def _targets(self, ids: pd.Index) -> Targets:
        asked = [target_table(problems_of(one, ids, balanced=False), one.outputs) for one in self.contest.questions]
        return Targets([name for _, names in asked for name in names], np.hstack([values for values, _ in asked]))


def _made(step: Step, rows: pd.DataFrame) -> pd.DataFrame:
    assert isinstance(step, Plain)
    return step.make(rows)


def _some(taken: Taken, step: Step, index: pd.Index) -> pd.DataFrame:
    return _frame(taken, list(step.sources), index)


def _frame(taken: Taken, names: Sequence[str], index: pd.Index) -> pd.DataFrame:
    return pd.DataFrame({name: taken[name] for name in names}, index=index)


def _columns(frame: pd.DataFrame) -> Taken:
    return {str(name): column for name, column in frame.items()}


def _file(number: int) -> str:
    return f"features/{number}.parquet"
