"""What a person wants to see of the searches: tables, a file of all trials, and two pictures."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from outfold import plots
from outfold.plain_text import label
from outfold.progress import Reporter
from outfold.runs.tuning.study import Search, keys_of, load_optuna
from outfold.store.atomic import write_text

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

TRIALS, HISTORY, IMPORTANCE = "trials.csv", "history.png", "importance.png"
_BEST = 3
"""Trials of each fold that are shown."""


def tell(searches: Sequence[Search], metric: str, reporter: Reporter) -> None:
    """The best trials of each fold beside the pipeline as it stands, and the keys of the best one of each fold."""
    rows = []
    for search in searches:
        start = search.start
        for trial in [*([] if start is None else [start]), *(one for one in search.ranked[:_BEST] if one is not start)]:
            gain = "" if start is None or trial is start else f"{(trial.value or 0) - (start.value or 0):+.5f}"
            label = "start" if trial is start else str(place(search, trial))
            rows.append([str(search.fold), label, f"{trial.value:.5f}", gain])
    reporter.table(f"{metric} inside each fold's training part", ["fold", "trial", metric, "gain"], rows)
    best = [{**search.own, **keys_of(search.ranked[0])} for search in searches]
    reporter.table(
        "the best of each fold",
        ["key", "start", *(f"fold {search.fold}" for search in searches)],
        [[key, *(_cell(known.get(key, "")) for known in (searches[0].own, *best))] for key in searches[0].space],
    )


def place(search: Search, trial: FrozenTrial) -> int:
    """The number of a trial among those that are settled."""
    return [one.number for one in search.trials].index(trial.number)


def write_trials(searches: Iterable[Search], folder: Path) -> None:
    """``trials.csv``: a row a trial: fold, trial, state, score, seconds, and a column a key."""
    rows: list[dict[str, Any]] = []
    for search in searches:
        for number, trial in enumerate(search.trials):
            seconds = trial.duration.total_seconds() if trial.duration else np.nan
            state = "refused" if trial.user_attrs.get("refused") else trial.state.name.lower()
            score = trial.value if state == "complete" else np.nan  # a pruned one has not seen all inner folds
            about = {"fold": search.fold, "trial": number, "state": state, "score": score, "seconds": seconds}
            rows.append({**about, **(search.own if trial is search.start else {}), **keys_of(trial)})
    write_text(folder / TRIALS, pd.DataFrame(rows).to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def draw_history(searches: Sequence[Search], name: str, metric: str, path: Path) -> None:
    """Every finished trial's score, and the best one so far as a line; the worst quarter is cut off."""
    scores_of = [trial.value or 0.0 for search in searches for trial in search.finished]
    starts = [search.start.value or 0.0 for search in searches if search.start is not None]
    with plots.drawing():
        figure = plots.new_figure(8.0, 4.0)
        axes = figure.subplots()
        for number, search in enumerate(searches):
            found = [(place(search, trial), trial.value or 0.0) for trial in search.finished]
            if not found:
                continue
            places, scores = map(np.array, zip(*found, strict=True))
            ends = [*places, len(search.trials) - 1]
            best = (np.maximum if search.greater else np.minimum).accumulate(scores)
            colour = f"C{number % 10}"
            axes.scatter(places, scores, s=12, alpha=0.4, color=colour)
            axes.step(ends, [*best, best[-1]], where="post", color=colour, label=f"fold {search.fold}")
        shown = (
            [min(*starts, np.quantile(scores_of, 0.25)), max(scores_of)]
            if searches[0].greater
            else [min(scores_of), max(*starts, np.quantile(scores_of, 0.75))]
        )
        edge = 0.05 * (shown[1] - shown[0]) or 1e-3
        axes.set_ylim(shown[0] - edge, shown[1] + edge)
        axes.set_title(f"{label(name)}: {label(metric)} inside each fold's training part")
        axes.set_xlabel("trial (0: as it stood)")
        axes.legend()
        plots.save(figure, path)


def draw_importance(searches: Sequence[Search], name: str, path: Path) -> bool:
    """How much of the spread of scores each key explains (fANOVA), mean and spread over folds; whether it is known.

    Hutter, Hoos & Leyton-Brown 2014, as Optuna has it.
    """
    shares = [found for search in searches if (found := importance(search))]
    if not shares:
        return False
    table = pd.DataFrame(shares).fillna(0.0)
    order = table.mean().sort_values(ascending=False)
    spread = {str(key): float(table[key].std(ddof=0)) for key in order.index}
    mean = {str(key): float(value) for key, value in order.items()}
    plots.bars(path, mean, title=f"{name}: what its score depends on", xlabel="share of the variance", errors=spread)
    return True


def importance(search: Search) -> dict[str, float]:
    """The shares of one search; empty where its trials tell nothing."""
    optuna, keys = load_optuna(), list(search.space)
    known = [trial.value for trial in search.finished if set(keys) <= set(trial.params)]
    if len(known) < 2 or len(set(known)) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=search.seed % 2**32)
        return dict(optuna.importance.get_param_importances(search.study, evaluator=evaluator, params=keys))


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
