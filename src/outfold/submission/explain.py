"""Description of the columns of a submission, shown before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from outfold.errors import in_yaml, quoted
from outfold.metrics import Metric
from outfold.submission.form import Form

SYMMETRIC = frozenset(
    "accuracy balanced_accuracy f1_macro f1_micro mcc qwk log_loss brier auc gini".split()  # noqa: SIM905
)
"""Metrics of two classes that are the same whichever of them is positive."""


def meaning(form: Form, classes: Sequence[Any], target: str) -> str | None:
    """What a binary target's single column holds: ``probability that state is 'abnormal'``; None of other forms."""
    binary = form.binary
    if binary is None:
        return None
    if form.kind == "probability":
        return f"probability that {target} is {quoted(classes[binary.positive])}"
    if binary.cells is not None:
        pairs = zip(binary.cells, classes, strict=True)
        return ", ".join(
            f"{cell} where {target} is {quoted(value)}" for cell, value in sorted(pairs, key=lambda p: str(p[0]))
        )
    return None


def doubts(form: Form, classes: Sequence[Any], metric: Metric) -> list[str]:
    """What should be said in the contest file, where the column's class and the metric's may differ."""
    binary = form.binary
    if binary is None or binary.positive == 1 or metric.name in SYMMETRIC:
        return []
    named, other = classes[0], classes[1]
    return [
        f"the sample's column {form.columns[0]} speaks of {quoted(named)}, and {metric.name} "
        f"counts {quoted(other)} as positive: "
        f"say `positive: {in_yaml(named)}` in competition.yaml"
    ]
