"""A target's classes: sorted, by which is positive, or by their order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from outfold.cell_values import FLOAT_INTEGERS
from outfold.config.competition import Task
from outfold.data.targets.values import class_values
from outfold.errors import ConfigError, DataError, quoted, some


def coded(
    values: pd.Series, task: Task, path: Path, *, positive: Any = None, order: Sequence[Any] | None = None
) -> tuple[list[Any], pd.Series]:
    """The classes in the order of their codes, and the code of each row (int64).

    Args:
        task: binary, multiclass or ordinal.
        positive: of a binary target.
        order: of an ordinal target; None sorts numbers.

    Raises:
        DataError: one value throughout, or more than the task allows.
        ConfigError: ``positive`` or ``order`` do not fit the values, or words have no order.
    """
    named = class_values(values)
    found = named.unique().tolist()
    if len(found) < 2:
        raise DataError(
            f"{path}: the target {values.name} is {quoted(found[0])} in every row; there is nothing to learn"
        )
    if task == "ordinal":
        classes = _in_order(found, order, str(values.name))
    else:
        classes = sorted(found)
    if task == "binary":
        if len(classes) != 2:
            raise DataError(
                f"{path}: task: binary, but the target {values.name} holds {len(classes)} values: {some(classes)}",
                remedy="Say `task: multiclass`, or `task: regression` for amounts.",
            )
        classes = _by_positive(classes, positive)
    elif task == "multiclass" and any(isinstance(value, float) for value in classes):
        fraction = next(value for value in classes if value % 1)
        raise DataError(
            f"{path}: task: multiclass, but the target {values.name} holds fractions such as {quoted(fraction)}",
            remedy="Say `task: regression`, or `task: ordinal` for grades.",
        )
    return classes, named.map({value: code for code, value in enumerate(classes)}).astype("int64")


def _in_order(found: list[Any], order: Sequence[Any] | None, name: str) -> list[Any]:
    """The classes from the lowest to the highest; ``order`` may name some that no training row has."""
    where = "competition/competition.yaml"
    if order is None:
        if any(isinstance(value, str) for value in found):
            raise ConfigError(
                f"{where}: task: ordinal: the target {name} holds words ({some(sorted(map(str, found)))}), "
                "and only numbers sort themselves",
                remedy="Say their order, from the lowest to the highest: `order: [low, medium, high]`.",
            )
        return sorted(found)
    said = {as_text(value): value for value in order}
    if len(said) < len(order):
        raise ConfigError(f"{where}: order: names a class twice: {some(order, len(order))}")
    known = {as_text(value): value for value in found}
    lacking = [value for text, value in known.items() if text not in said]
    if lacking:
        raise ConfigError(
            f"{where}: order: lacks {some(repr(value) for value in lacking)}, which the target {name} holds",
            remedy="Name every class, from the lowest to the highest.",
        )
    return [known.get(text, value) for text, value in said.items()]


def as_text(value: Any) -> str:
    """A class as it is compared: ``1`` for 1 and for 1.0."""
    return (
        str(int(value))
        if isinstance(value, float) and value.is_integer() and abs(value) < FLOAT_INTEGERS
        else str(value)
    )


def _by_positive(classes: list[Any], positive: Any) -> list[Any]:
    """[negative, positive]; by default the greater one, letters compared without their case."""
    if positive is None:
        return sorted(classes, key=lambda value: (str(value).casefold(), value) if isinstance(value, str) else value)
    said = {str(positive), str(int(positive))} if isinstance(positive, bool) else {str(positive)}
    exact = not (isinstance(positive, float) and abs(positive) >= FLOAT_INTEGERS)
    chosen = [
        value for value in classes if str(value) in said or (exact and value == positive and not isinstance(value, str))
    ]
    if len(chosen) != 1:
        raise ConfigError(
            f"competition/competition.yaml: positive: {quoted(positive)} is none of the target's "
            f"values {some(classes)}",
            remedy=None if exact else "Put it into quotes: a number so long is not exact in YAML with a point.",
        )
    return [value for value in classes if value != chosen[0]] + chosen
