"""The blend of several models' predictions, its honest score, and whether a difference is real."""

from __future__ import annotations

from outfold.ensemble.blend import BlendResult, blend
from outfold.ensemble.combiners import COMBINERS, get_combiner
from outfold.ensemble.compare import Comparison, paired_bootstrap
from outfold.ensemble.problem import Combiner, Fitted, Problem
from outfold.ensemble.thresholds import nested_thresholds, tune_thresholds

__all__ = [
    "COMBINERS",
    "BlendResult",
    "Combiner",
    "Comparison",
    "Fitted",
    "Problem",
    "blend",
    "get_combiner",
    "nested_thresholds",
    "paired_bootstrap",
    "tune_thresholds",
]
