"""Greedy ensemble selection, its bagged form for few rows, and hill climbing with negative weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outfold.ensemble.objective import Objective, objective
from outfold.ensemble.problem import Array, Fitted, Problem, WeightedMean

TIE = 1e-7
"""Losses that differ by less than this share of them are equal: mixtures are float32, and round."""


def greedy_counts(goal: Objective, *, steps: int = 25, patience: int = 10) -> Array:
    """How often each member was taken: (members,) int64, of sum between 1 and ``steps``.

    Caruana et al. 2004, "Ensemble selection from libraries of models", with replacement: each step adds the member
    whose addition gives the mean so far its lowest loss. A tie goes to a member already taken, then to the first. The
    best prefix of the steps is kept; ``patience`` steps without a better one end the search.
    """
    members = len(goal.matrix)
    total = np.zeros_like(goal.matrix[0])
    counts = np.zeros(members, dtype=np.int64)
    best_loss, best_counts, since = float("inf"), counts, 0
    for step in range(1, steps + 1):
        losses = np.array([goal.loss((total + member) / step) for member in goal.matrix])
        losses[np.isnan(losses)] = np.inf
        tied = losses <= losses.min() + TIE * abs(losses.min()) if np.isfinite(losses.min()) else losses == np.inf
        used = tied & (counts > 0)
        chosen = int(np.argmax(used if used.any() else tied))
        total = total + goal.matrix[chosen]
        counts = counts.copy()
        counts[chosen] += 1
        since += 1
        if losses[chosen] + TIE * abs(losses[chosen]) < best_loss or step == 1:
            best_loss, best_counts, since = losses[chosen], counts, 0
        if since >= patience:
            break
    return best_counts


@dataclass(frozen=True)
class Greedy:
    """Greedy ensemble selection (GES25); with ``bags``, the mean of as many searches on bootstrapped rows or groups."""

    steps: int = 25
    patience: int = 10
    bags: int = 0

    def fit(self, P: Array, problem: Problem) -> Fitted:
        """Weights are counts over their sum; all of them 0 or more."""
        weights = np.zeros(len(P))
        for rows in bootstrap_rows(problem, self.bags) if self.bags else [None]:
            goal = objective(P, problem) if rows is None else objective(P[:, rows], problem.take(rows))
            counts = greedy_counts(goal, steps=self.steps, patience=self.patience)
            weights += counts / counts.sum()
        return WeightedMean(weights / weights.sum(), problem.task)


@dataclass(frozen=True)
class HillClimb:
    """Kaggle's hill climbing: from the best member, mix in (1 - w) of the mixture and w of a member, w of -0.5 to 0.5.

    Each step takes the best of every member and every w; it ends when a step gains less than ``tolerance`` of the loss.
    Weights have sum 1 and may be negative, which fits regression, where errors may cancel; on probabilities it was
    measured to over-fit more than any other combiner, and is there because it is asked for.
    """

    step: float = 0.02
    reach: float = 0.5
    tolerance: float = 1e-4
    steps: int = 50
    max_rows: int = 20_000

    def fit(self, P: Array, problem: Problem) -> Fitted:
        """Weights of sum 1; what leaves [0, 1] is clipped when it predicts."""
        goal = objective(P, problem, negative_weights=True, max_rows=self.max_rows)
        losses = np.array([goal.loss(member) for member in goal.matrix])
        losses[np.isnan(losses)] = np.inf
        weights = np.zeros(len(P))
        weights[int(np.argmin(losses))] = 1.0
        best = float(losses.min())
        mixed = goal.matrix[int(np.argmin(losses))]
        side = round(self.reach / self.step)
        shares = [self.step * number for number in range(-side, side + 1) if number != 0]
        for _ in range(self.steps):
            trials = [
                (goal.loss((1.0 - share) * mixed + share * goal.matrix[j]), j, share)
                for j in range(len(P))
                for share in shares
            ]
            loss, j, share = min(trials, key=lambda trial: trial[0])
            if not loss < best - self.tolerance * abs(best):
                break
            weights *= 1.0 - share
            weights[j] += share
            mixed = (1.0 - share) * mixed + share * goal.matrix[j]
            best = loss
        return WeightedMean(weights / weights.sum(), problem.task)


def bootstrap_rows(problem: Problem, draws: int) -> list[Array]:
    """Row numbers of ``draws`` bootstraps of the rows, or of whole groups where the problem has them."""
    rng = np.random.default_rng(problem.seed)
    if problem.groups is None:
        return [np.sort(rng.integers(0, len(problem), len(problem))) for _ in range(draws)]
    names, member_of = np.unique(problem.groups, return_inverse=True)
    order = np.argsort(member_of, kind="stable")
    bounds = np.searchsorted(member_of[order], np.arange(len(names) + 1))
    drawn = [rng.integers(0, len(names), len(names)) for _ in range(draws)]
    return [np.concatenate([order[bounds[g] : bounds[g + 1]] for g in groups]) for groups in drawn]
