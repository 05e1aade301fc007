"""Blends of pipelines: combiners, nested scores, thresholds, significance of differences."""

from __future__ import annotations

from outfold.ensemble.blend import BlendResult, blend
from outfold.ensemble.combiners import COMBINERS, get_combiner
from outfold.ensemble.compare import Comparison, paired_bootstrap
from outfold.ensemble.decision import Decision, nested_thresholds
from outfold.ensemble.problem import Combiner, Fitted, Problem
from outfold.ensemble.thresholds import tune_thresholds

__all__ = [
    "COMBINERS",
    "BlendResult",
    "Combiner",
    "Comparison",
    "Decision",
    "Fitted",
    "Problem",
    "blend",
    "get_combiner",
    "nested_thresholds",
    "paired_bootstrap",
    "tune_thresholds",
]
