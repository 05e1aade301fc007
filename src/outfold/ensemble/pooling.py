"""The stacker for classes: members' log-probabilities, pooled with a weight a member and a bias a class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outfold.ensemble.objective import subsample
from outfold.ensemble.problem import Array, Problem, normalised, valid_outputs
from outfold.ensemble.solvers import STRENGTHS, best_strength

CLIP = 1e-4
MAX_VALUES = 20_000_000
"""Numbers (rows x classes x members) that a fit holds at most; above, a seeded sample of the rows stands for all."""


@dataclass(frozen=True, eq=False)
class FittedPool:
    """softmax_c(sum_j (shared_j + own_jc) a_jc + bias_c), where a_jc is member j's log-probability of class c."""

    coefficients: Array
    """(members, classes): shared and own together."""
    bias: Array
    """(classes,)"""

    @property
    def weights(self) -> Array | None:
        """Coefficients over their sum, averaged over the classes; None where they have no positive sum."""
        return normalised(self.coefficients.mean(axis=1))

    def predict(self, P: Array) -> Array:
        """(members, n, classes) to (n, classes) float32, rows of sum 1."""
        scores = np.broadcast_to(self.bias, P.shape[1:]).copy()
        for coefficients, member in zip(self.coefficients, P, strict=True):
            scores += coefficients * log_probability(member)
        return valid_outputs(np.exp(scores - _log_sum(scores)[:, None]), "multiclass")


def log_probability(P: Array) -> Array:
    """log(p) as float64, p clipped to [1e-4, 1 - 1e-4], less its mean over the classes (which softmax does not see)."""
    logs = np.log(np.clip(np.asarray(P, dtype=np.float64), CLIP, 1.0 - CLIP))
    centred: Array = logs - logs.mean(axis=-1, keepdims=True)
    return centred


def fit_pool(P: Array, problem: Problem) -> FittedPool:
    """Fit with the strength of the least log loss in a cross-validation over the folds among the problem's rows.

    A multinomial regression on all members' logits has (members x classes) x classes weights, too many for the rows of
    most contests. Here there is one a member, shared, and one a member and class, own; the L2 penalty pulls own to 0
    and shared to 1 / members, so at its strongest the pool is the members' geometric mean.
    """
    P, problem = subsample(P, problem, max(2_000, MAX_VALUES // (P.shape[0] * P.shape[2])))
    features = log_probability(P)
    scale = max(float(features.std()), 1e-9)
    features /= scale
    codes, parts = np.asarray(problem.y, dtype=np.int64), problem.parts()

    def losses(part: int) -> Array:
        inside = parts == part
        found, theta = [], None
        for strength in STRENGTHS:
            theta = _descend(features[:, ~inside], codes[~inside], strength, theta, scale)
            found.append(_loss(features[:, inside], codes[inside], theta))
        return np.array(found)

    strength = best_strength(parts, losses)
    coefficients, bias = _unpack(_descend(features, codes, strength, None, scale), *features.shape[::2])
    return FittedPool(coefficients / scale, bias)


def _unpack(theta: Array, members: int, classes: int) -> tuple[Array, Array]:
    shared, bias, own = np.split(theta, [members, members + classes])
    return shared[:, None] + own.reshape(members, classes), bias


def _scores(features: Array, theta: Array) -> Array:
    coefficients, bias = _unpack(theta, *features.shape[::2])
    scores = np.broadcast_to(bias, features.shape[1:]).copy()
    for member, weights in zip(features, coefficients, strict=True):
        scores += member * weights
    return scores


def _log_sum(scores: Array) -> Array:
    peak = scores.max(axis=1)
    total: Array = peak + np.log(np.exp(scores - peak[:, None]).sum(axis=1))
    return total


def _loss(features: Array, codes: Array, theta: Array) -> float:
    scores = _scores(features, theta)
    return float((_log_sum(scores) - scores[np.arange(len(codes)), codes]).sum())


def _descend(features: Array, codes: Array, strength: float, start: Array | None, scale: float) -> Array:
    from scipy.optimize import minimize

    members, rows, classes = features.shape
    prior = np.zeros(members + classes + members * classes)
    prior[:members] = scale / members
    truth = np.arange(rows), codes
    happened = np.bincount(codes, minlength=classes)
    reached = np.array([np.bincount(codes, weights=member[truth], minlength=classes) for member in features])

    def objective(theta: Array) -> tuple[float, Array]:
        scores = _scores(features, theta)
        log_sum = _log_sum(scores)
        away = theta - prior
        loss = float((log_sum - scores[truth]).sum()) + 0.5 * float(away @ away) / strength
        chance = np.exp(scores - log_sum[:, None])
        by_class = np.array([(member * chance).sum(axis=0) for member in features]) - reached
        slope = np.concatenate([by_class.sum(axis=1), chance.sum(axis=0) - happened, by_class.ravel()])
        return loss / rows, (slope + away / strength) / rows

    begin = prior if start is None else start
    options = {"maxiter": 200, "ftol": 1e-9, "gtol": 1e-6}
    found: Array = minimize(objective, begin, jac=True, method="L-BFGS-B", options=options).x
    return found
