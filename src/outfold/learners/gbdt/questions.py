"""What the boosters of a task are asked: a task of ordered classes is asked in steps."""

from __future__ import annotations

import pandas as pd

from outfold.contest import Contest
from outfold.learners.problems import Problem, problems_of
from outfold.learners.steps import step_names, steps


def questions_of(contest: Contest, ids: pd.Index, *, balanced: bool) -> dict[str, Problem]:
    """What is asked of these training rows, by output; one booster for all outputs has no name.

    An ordinal task has a booster for each step from a class to the next (see :mod:`outfold.learners.steps`).
    """
    if contest.task != "ordinal":
        return problems_of(contest, ids, balanced=balanced)
    above = steps(contest.truth(ids), len(contest.outputs)).T
    names = step_names(contest.outputs)
    return {name: Problem("binary", column, 1, balanced) for name, column in zip(names, above, strict=True)}
