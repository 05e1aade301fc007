"""The learning-rate finder: what a curve suggests, and that looking changes nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from outfold.errors import OutfoldError
from outfold.training.lr_finder import END, START, STEPS, sweep, sweep_rate
from outfold.training.lr_suggestions import minimum, slide, steep, suggestions, valley

LRS = np.logspace(-7, 1, 100)


def curve(fall: float = 1e-3, least: float = 1e-1) -> np.ndarray:
    """Flat, then down around ``fall``, then up steeply beyond ``least``."""
    x = np.log10(LRS)
    return (
        2.3 - 1.5 / (1 + np.exp(-4 * (x - math.log10(fall)))) + np.where(least < LRS, (x - math.log10(least)) ** 2, 0)
    )


def test_the_steepest_point_is_where_the_loss_falls_fastest() -> None:
    assert steep(LRS, curve(fall=1e-3)) == pytest.approx(1e-3, rel=0.3)
    assert steep(LRS, curve(fall=1e-4)) == pytest.approx(1e-4, rel=0.3)


def test_the_minimum_suggests_a_tenth_of_the_rate_of_the_least_loss() -> None:
    losses = curve(least=0.05)
    assert minimum(LRS, losses) == pytest.approx(LRS[losses.argmin()] / 10)


def test_the_valley_lies_halfway_down_the_longest_descent() -> None:
    losses = np.full(60, 5.0)
    losses[20:50] = np.linspace(4.9, 1, 30)  # thirty points of descent, after a plateau whose last point begins it
    losses[50:] = 6.0
    # the descent has 31 points and ends at point 49: counted from point 18, 10 and 5 further on
    assert valley(LRS[:60], losses) == LRS[33]
    assert valley(LRS[:60], np.where(np.arange(60) == 30, 5.5, losses)) == LRS[34], "a noisy point is left out"


def test_the_valley_takes_the_longer_of_two_descents() -> None:
    losses = np.r_[np.linspace(9, 8, 6), np.full(10, 10.0), np.linspace(9.9, 8.5, 30), np.full(14, 11.0)]
    found = valley(LRS[:60], losses)
    assert LRS[16] < found < LRS[46]


def test_slide_stays_fifteen_points_left_of_the_explosion() -> None:
    losses = np.where(np.arange(100) <= 85, 1.0, 1.0 + 0.1 * (np.arange(100) - 85) ** 2)
    # the slope is that of the plateau up to point 84
    assert slide(LRS, losses) == LRS[85 - 15]


def test_all_four_are_named() -> None:
    assert list(suggestions(LRS, curve())) == ["valley", "steep", "minimum", "slide"]


def test_the_sweep_is_exponential_from_start_to_end() -> None:
    rates = [sweep_rate(step) for step in range(STEPS)]
    assert (rates[0], rates[-1]) == pytest.approx((START, END))
    assert np.diff(np.log(rates)) == pytest.approx(math.log(END / START) / (STEPS - 1))


def test_the_sweep_stops_where_the_loss_is_not_finite_or_four_times_its_least() -> None:
    seen = sweep(lambda step: 1.0 if step < 70 else math.nan, "x")
    assert len(seen.lrs) == 70 and seen.losses == pytest.approx(np.ones(70))
    seen = sweep(lambda step: 1.0 if step < 40 else 1000.0, "x")
    assert len(seen.lrs) == 41


def test_losses_are_averaged_without_a_bias_towards_their_start() -> None:
    seen = sweep(lambda step: 2.0 + (-1) ** step, "x")
    assert seen.losses[0] == pytest.approx(3)
    assert abs(seen.losses[-1] - 2) < 0.05


def test_a_sweep_that_diverges_at_once_is_told() -> None:
    with pytest.raises(OutfoldError, match=r"cnn: phases\[0\].*diverges at step 13 of 100"):
        sweep(lambda step: 1.0 if step < 12 else math.inf, "cnn: phases[0]")
