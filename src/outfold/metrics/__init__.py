"""Metrics by name, as the contests define them: ``get_metric("auc").score(y, outputs)``."""

from __future__ import annotations

from outfold.metrics.decision import to_labels
from outfold.metrics.metric import Metric, Wants
from outfold.metrics.registry import METRICS, custom_metric, default_metric, get_metric
from outfold.metrics.truth import Task

__all__ = ["METRICS", "Metric", "Task", "Wants", "custom_metric", "default_metric", "get_metric", "to_labels"]
