"""Is it real? A paired bootstrap between two sets of predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from outfold.ensemble.objective import EPS, LOG_LOSSES
from outfold.ensemble.problem import Array
from outfold.errors import DataError
from outfold.metrics import Metric, Task, expected_class

COVERAGE = 0.95


@dataclass(frozen=True)
class Comparison:
    """How much better ``b`` is than ``a``, and how sure that is. Positive is better, whichever way the metric goes."""

    difference: float
    """On the rows as they are."""
    low: float
    high: float
    """The interval that holds 95% of the draws' differences."""
    p_better: float
    """Share of the draws in which b is better; a tie counts half."""
    draws: int
    """Draws in which the metric was defined."""


def paired_bootstrap(
    metric: Metric,
    y: Array,
    a: Array,
    b: Array,
    *,
    task: Task | None = None,
    groups: Array | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Draw the same rows for both, with replacement, and see how often b beats a (Efron 1979; percentile interval).

    Rows scored by a metric on labels are decided by its default thresholds: give labels that tuned ones decided (see
    :func:`outfold.ensemble.thresholds.decide`) to compare those.

    Args:
        metric: of the contest.
        y: truth, as the metric takes it.
        a: (n, outputs) predictions of one model.
        b: (n, outputs) of the other, in the same order of rows.
        task: of the contest; the metric's own where it is bound to one.
        groups: (n,) groups are drawn whole, as rows of one group are not independent.
        draws: how many.
        seed: of the draws.

    Raises:
        DataError: no draw has a defined score, or rows are missing.
    """
    metric = metric if task is None else replace(metric, task=task)
    y, a, b = np.asarray(y), np.asarray(a), np.asarray(b)
    sign = 1.0 if metric.greater_is_better else -1.0
    difference = sign * (metric.score(y, b) - metric.score(y, a))
    names, member_of = _units(len(y), groups)
    order = np.argsort(member_of, kind="stable")
    bounds = np.searchsorted(member_of[order], np.arange(names + 1))
    rng = np.random.default_rng(seed)
    losses = _mean_of_rows(metric, y, a), _mean_of_rows(metric, y, b)
    found = np.empty(draws)
    if losses[0] is not None and losses[1] is not None:
        worth = np.bincount(member_of, weights=losses[0] - losses[1], minlength=names)
        sizes = np.diff(bounds)
        for number in range(draws):
            times = np.bincount(rng.integers(0, names, names), minlength=names)
            found[number] = times @ worth / (times @ sizes)
    else:
        for number in range(draws):
            drawn = rng.integers(0, names, names)
            rows = (
                np.concatenate([order[bounds[unit] : bounds[unit + 1]] for unit in drawn])
                if groups is not None
                else drawn
            )
            found[number] = sign * (metric.score(y[rows], b[rows]) - metric.score(y[rows], a[rows]))
    found = found[~np.isnan(found)]
    if len(found) == 0:
        raise DataError(
            f"{metric.name} is not defined on any of {draws} bootstrap draws of {len(y)} rows",
            remedy="There are too few rows, or all are of one class.",
        )
    edge = (1.0 - COVERAGE) / 2.0
    low, high = np.quantile(found, [edge, 1.0 - edge])
    p_better = float((found > 0).mean() + 0.5 * (found == 0).mean())
    return Comparison(difference, float(low), float(high), p_better, len(found))


def explain_disagreement(gain: float, p_better: float) -> str | None:
    """A sentence where the gain on all rows and the share of draws point in different directions; None otherwise.

    Args:
        gain: on the rows as they are, positive where better.
        p_better: share of the bootstrap's draws that are better.
    """
    if gain == 0 or p_better == 0.5 or (gain > 0) == (p_better > 0.5):
        return None
    gained, most = ("gain", "worse") if gain > 0 else ("loss", "better")
    return (
        f"the {gained} and P(better) disagree: a few rows make the {gained}, and most draws of the rows are {most}; "
        "take the two models as equal"
    )


def _units(n: int, groups: Array | None) -> tuple[int, Array]:
    if groups is None:
        return n, np.arange(n)
    names, member_of = np.unique(np.asarray(groups), return_inverse=True)
    return len(names), member_of


def _mean_of_rows(metric: Metric, y: Array, outputs: Array) -> Array | None:
    """(n,) the loss of each row, for a metric that is the mean of them; None for any other.

    A draw is then a weighted sum and not a new score: a thousand of them on a million rows take seconds.
    """
    wide = outputs.shape[1] > 1
    if metric.name in LOG_LOSSES:
        values = outputs.astype(np.float64)
        if y.ndim == 1 and wide:
            values = np.maximum(values, EPS)
            happened = (values[np.arange(len(y)), y] / values.sum(axis=1))[:, None]
        else:
            truth = y.reshape(len(y), -1) > 0.5
            happened = np.where(truth, values, 1.0 - values)
        losses: Array = -np.log(np.clip(happened, EPS, 1 - EPS)).mean(axis=1)
        return losses
    if metric.name == "mae" and metric.task == "ordinal":
        return np.abs(expected_class(outputs) - y)
    if metric.name == "mae":
        errors: Array = np.abs(outputs.astype(np.float64) - y.reshape(len(y), -1)).mean(axis=1)
        return errors
    if metric.name == "accuracy" and y.ndim == 1:
        said = outputs.argmax(axis=1) if wide else outputs[:, 0].astype(np.float64) > 0.5
        return (said != y).astype(np.float64)
    return None
