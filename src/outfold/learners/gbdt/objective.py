"""``objective: hooks.py:function``: a loss of the user's own, by its gradient and hessian."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outfold.errors import ConfigError
from outfold.hooks import HookFunction
from outfold.learners.tables.targets import Kind, Problem

Array = NDArray[np.float64]


def sigmoid(raw: NDArray[Any]) -> Array:
    """Probabilities from log-odds."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(raw, dtype=np.float64))))


def softmax(raw: NDArray[Any]) -> Array:
    """(n, classes) probabilities of sum 1 from raw scores."""
    risen = np.exp(raw - np.max(raw, axis=1, keepdims=True))
    return np.asarray(risen / risen.sum(axis=1, keepdims=True))


def shares(found: NDArray[Any]) -> Array:
    """(n, classes) probabilities of sum 1 from such as were asked for each class by itself."""
    return np.asarray(found / found.sum(axis=1, keepdims=True))


_STEPS, _HALVES = 50, 40
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Objective:
    """The user's function, and what its raw scores mean.

    Attributes:
        function: ``function(y_true, raw)``, of (n,) codes or numbers and raw scores (n,), or (n, classes); it returns
            the gradient and the hessian of each row's loss by its raw score, of the form of ``raw``.
        kind: raw scores of ``binary`` are log-odds, those of ``classes`` go through a softmax, a ``number`` is one.
        transform: makes raw scores of numbers predictions, where they are not (the function's attribute ``transform``).
    """

    function: HookFunction
    kind: Kind
    transform: Callable[[Any], Any] | None = None

    def slopes(self, y: NDArray[Any], weight: NDArray[Any] | None, raw: NDArray[Any]) -> tuple[Array, Array]:
        """Gradient and hessian of the weighted loss, both of the form of ``raw``.

        Raises:
            ConfigError: the function returned something else.
        """
        found = self.function(y.copy(), np.array(raw, dtype=np.float64))
        if not (isinstance(found, tuple | list) and len(found) == 2):
            raise self._wrong(f"returned {type(found).__name__}, expected (gradient, hessian)")
        gradient, hessian = (np.asarray(part, dtype=np.float64) for part in found)
        for name, part in (("gradient", gradient), ("hessian", hessian)):
            if part.shape != raw.shape:
                raise self._wrong(f"returned a {name} of shape {part.shape}, expected {raw.shape} as the raw scores")
            if not np.isfinite(part).all():
                raise self._wrong(f"returned a {name} that is not finite in {int((~np.isfinite(part)).sum())} places")
        if weight is not None:
            weight = np.asarray(weight, dtype=np.float64).reshape(-1, *[1] * (raw.ndim - 1))
            gradient, hessian = gradient * weight, hessian * weight
        return gradient, hessian

    def start(self, problem: Problem) -> Array:
        """(outputs,) the raw scores of no features at all, from which boosting starts.

        They begin at the mean, the log-odds or the log of each class's share, or at 0 under a ``transform``, and go by
        Newton's method, each step halved until it is one downhill, to where the loss of all rows is least.
        """
        raw = self._first(problem)
        slope, bend = self._whole(problem, raw)
        for _ in range(_STEPS):
            step = np.where(bend > _TINY, -slope / np.maximum(bend, _TINY), 0.0)
            for _ in range(_HALVES):
                there, found = raw + step, None
                try:
                    with np.errstate(all="ignore"):
                        found = self._whole(problem, there)
                except ConfigError:
                    pass  # out of what the function can compute: nearer
                if found is not None and np.abs(found[0]).sum() < np.abs(slope).sum():
                    break
                step /= 2
            else:
                break
            raw, (slope, bend) = there, found
            if np.abs(step).max() <= 1e-9 * max(1.0, float(np.abs(raw).max())):
                break
        return raw

    def values(self, raw: NDArray[Any]) -> Array:
        """(n, outputs) predictions from raw scores (n, outputs)."""
        raw = np.asarray(raw, dtype=np.float64)
        if self.kind == "binary":
            return sigmoid(raw)
        if self.kind == "classes":
            return softmax(raw)
        if self.transform is None:
            return raw
        found = np.asarray(self.transform(raw.copy()), dtype=np.float64)
        if found.shape != raw.shape:
            raise self._wrong(f"has a transform that returned shape {found.shape}, expected {raw.shape}")
        return found

    def _first(self, problem: Problem) -> Array:
        y, weight = problem.y, problem.weight
        if self.kind == "number":
            return np.array([0.0 if self.transform is not None else float(np.average(y, weights=weight))])
        if self.kind == "binary":
            share = np.clip(np.average(y, weights=weight), 1e-6, 1 - 1e-6)
            return np.array([float(np.log(share / (1 - share)))])
        counts = np.bincount(y, weights=weight, minlength=problem.outputs)
        return np.asarray(np.log(np.maximum(counts / counts.sum(), 1e-6)))

    def _whole(self, problem: Problem, raw: Array) -> tuple[Array, Array]:
        """Slope and curvature of the loss of all rows at these scores, (outputs,) each."""
        several = (len(problem.y), len(raw)) if self.kind == "classes" else (len(problem.y),)
        rows = np.broadcast_to(raw, several) if self.kind == "classes" else np.full(several, raw[0])
        gradient, hessian = self.slopes(problem.y, problem.weight, rows)
        return gradient.reshape(len(rows), -1).sum(axis=0), hessian.reshape(len(rows), -1).sum(axis=0)

    def _wrong(self, what: str) -> ConfigError:
        return ConfigError(
            f"{self.function.path}: {self.function.name}: {what}",
            remedy="An objective is f(y_true, raw) -> grad, hess.",
        )
