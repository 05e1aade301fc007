"""Sums and the like over many stretches of one array, by blocks of 1, 2, 4, ... rows.

A difference of two running sums is cheaper, and leaves rounding errors of the larger one in the smaller result. Here a
result is made of nothing but the rows of its stretch: no other row can touch even its last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from outfold.data.features.timeline import Places

Numbers = NDArray[np.float64]
State = tuple[Numbers, ...]

STATISTICS = ("count", "sum", "mean", "std", "min", "max")


def over_ranges(
    rows: State, starts: Places, stops: Places, combine: Callable[[State, State], State], nothing: Sequence[float]
) -> State:
    """What ``combine`` makes of the rows of each stretch, (k,) each.

    Args:
        rows: one or more arrays of (n,), the state of each single row.
        starts, stops: (k,) the first place of each stretch, and one past its last.
        combine: takes two states to that of both; associative.
        nothing: the state of no rows.
    """
    lengths = np.asarray(stops - starts)
    result = tuple(np.full(len(starts), value) for value in nothing)
    at, blocks, width, longest = starts.copy(), rows, 1, int(lengths.max(initial=0))
    while width <= longest:
        taken = np.flatnonzero(lengths & width)
        places = at[taken]
        merged = combine(tuple(one[taken] for one in result), tuple(block[places] for block in blocks))
        for one, value in zip(result, merged, strict=True):
            one[taken] = value
        at[taken] += width
        if 2 * width <= longest:
            left, right = (tuple(block[cut] for block in blocks) for cut in (slice(-width), slice(width, None)))
            blocks = combine(left, right)
        width *= 2
    return result


def _together(a: State, b: State) -> State:
    return tuple(one + other for one, other in zip(a, b, strict=True))


def _moments(a: State, b: State) -> State:
    """Count, sum, and sum of squared deviations of two stretches together (Chan, Golub & LeVeque 1983)."""
    (n, total, spread), (more, further, other) = a, b
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = np.where((n > 0) & (more > 0), further / more - total / n, 0.0)
        shared = np.where(n + more > 0, n * more / (n + more), 0.0)
    return n + more, total + further, spread + other + gap * gap * shared


def _least(a: State, b: State) -> State:
    return (np.fmin(a[0], b[0]),)


def _most(a: State, b: State) -> State:
    return (np.fmax(a[0], b[0]),)


def statistics(values: Numbers, starts: Places, stops: Places, names: Sequence[str]) -> dict[str, Numbers]:
    """Statistics of each stretch, by name, (k,) each; missing values count for nothing.

    Where a stretch has no value ``count`` is 0 and all else is missing; so is ``std`` (ddof = 1) of a single value.

    Args:
        values: (n,), NaN where missing.
        names: some of :data:`STATISTICS`.
    """
    there = ~np.isnan(values)
    rows: State = (there.astype(np.float64), np.where(there, values, 0.0))
    if "std" in names:
        state = over_ranges((*rows, np.zeros(len(values))), starts, stops, _moments, (0.0, 0.0, 0.0))
    else:
        state = over_ranges(rows, starts, stops, _together, (0.0, 0.0)) if {"count", "sum", "mean"} & {*names} else ()
    made: dict[str, Numbers] = {}
    if state:
        count = state[0]
        some = np.where(count > 0, count, np.nan)
        made = {"count": count, "sum": np.where(count > 0, state[1], np.nan), "mean": state[1] / some}
        if "std" in names:
            made["std"] = np.sqrt(state[2] / np.where(count > 1, count - 1, np.nan))
    for name, combine in (("min", _least), ("max", _most)):
        if name in names:
            (made[name],) = over_ranges((values,), starts, stops, combine, (np.nan,))
    return {name: made[name] for name in names}
