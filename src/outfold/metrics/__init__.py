"""Metrics by name, as the contests define them: ``get_metric("auc").score(y, outputs)``."""

from __future__ import annotations

from outfold.metrics.decision import expected_class, to_labels
from outfold.metrics.metric import Metric, Subtask, Wants, columns_by_target, combined, output_names
from outfold.metrics.registry import METRICS, custom_metric, default_metric, get_metric
from outfold.metrics.truth import PER_CLASS, Task

__all__ = [
    "METRICS",
    "PER_CLASS",
    "Metric",
    "Subtask",
    "Task",
    "Wants",
    "columns_by_target",
    "combined",
    "custom_metric",
    "default_metric",
    "expected_class",
    "get_metric",
    "output_names",
    "to_labels",
]
