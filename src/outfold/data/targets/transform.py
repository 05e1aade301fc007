"""Scales on which numbers are learnt: log, log1p, sqrt, cbrt, asinh, logit. Each is a formula; nothing is fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from outfold.config.pipeline_base import TransformName

Array = NDArray[np.float64]
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Transform:
    """An increasing function of a number, and its inverse.

    Attributes:
        name: as a pipeline's file says it.
        least: the least number that it takes; None: there is none.
        most: the greatest; None: there is none.
        open: whether those two themselves are too much.
        instead: what a person could do with numbers that it does not take.
    """

    name: TransformName | Literal["shift"]
    to_learn: Callable[[Any], Any]
    to_say: Callable[[Any], Any]
    least: float | None = None
    most: float | None = None
    open: bool = True
    instead: str = ""

    def takes(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Which of the values it has a result for, of their shape."""
        numbers = np.asarray(values, dtype=np.float64)
        taken = np.isfinite(numbers)
        if self.least is not None:
            taken &= (numbers > self.least) if self.open else (numbers >= self.least)
        if self.most is not None:
            taken &= numbers < self.most
        return taken

    @property
    def domain(self) -> str:
        """The numbers that it takes, in words."""
        if self.least is None:
            return "a number"
        if self.most is not None:
            return f"more than {self.least:g} and less than {self.most:g}"
        return f"more than {self.least:g}" if self.open else f"{self.least:g} or more"

    def forward(self, values: NDArray[Any]) -> Array:
        """What is learnt of these values, float64 of their shape. Of values outside of its domain: NaN."""
        numbers = np.asarray(values, dtype=np.float64)
        taken = self.takes(numbers)
        return np.asarray(np.where(taken, self.to_learn(np.where(taken, numbers, 0.5)), np.nan), dtype=np.float64)

    def backward(self, learnt: NDArray[Any]) -> Array:
        """The values that what a model says stands for, float64 of its shape, never larger than float32 can hold."""
        with np.errstate(over="ignore"):
            said = self.to_say(np.asarray(learnt, dtype=np.float64))
        return np.asarray(np.clip(said, -_LARGEST, _LARGEST))


def shift(values: NDArray[Any]) -> Transform:
    """Numbers less a constant near their middle: a multiple of a power of two above their range.

    The constant is so coarse that single rows do not decide it.
    """
    grid = 2.0 ** np.ceil(np.log2(float(values.max() - values.min())))
    center = float(np.rint(np.median(values) / grid) * grid)
    return Transform("shift", partial(_plus, number=-center), partial(_plus, number=center))


def _plus(values: Any, number: float) -> Any:
    return values + number


def _squared(learnt: Array) -> Array:
    return np.square(np.maximum(learnt, 0.0))


def _sigmoid(learnt: Array) -> Array:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * learnt)))


TRANSFORMS: dict[TransformName, Transform] = {
    cast(TransformName, one.name): one
    for one in (
        Transform("log", np.log, np.exp, least=0.0, instead="log1p takes 0, too"),
        Transform("log1p", np.log1p, np.expm1, least=-1.0, instead="asinh takes any number"),
        Transform("sqrt", np.sqrt, _squared, least=0.0, open=False, instead="cbrt takes any number"),
        Transform("cbrt", np.cbrt, lambda learnt: learnt**3),
        Transform("asinh", np.arcsinh, np.sinh),
        Transform(
            "logit", lambda p: np.log(p) - np.log1p(-p), _sigmoid, least=0.0, most=1.0, instead="asinh takes any"
        ),
    )
}
"""By name. Powers of Box and Cox (1964) with their usual exponents, and asinh (Burbidge et al. 1988)."""
