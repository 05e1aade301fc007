"""Single column of a binary target: the class that its number refers to, and the sample's spelling of both classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from outfold.cell_values import TRUTH_WORDS, cell_key, exact_number

PAIRS = (TRUTH_WORDS[0], ("-1", "1"), *TRUTH_WORDS[1:])
"""How files write the negative and the positive class, letters without their case."""

_TRUTH_VALUES = TRUTH_WORDS[:2]
_NEGATIONS = {"no", "non", "not", "un", "without"}


@dataclass(frozen=True)
class BinaryColumn:
    """Content of the single column of a binary target.

    Attributes:
        positive: the place of the class that a number stands for, 0 or 1, in the order of the target's classes.
        named: whether the column's name says so.
        cells: what the sample writes for each class, in their order, where that is not the class itself.
    """

    positive: int
    named: bool
    cells: tuple[Any, Any] | None = None

    def codes(self, classes: Sequence[Any]) -> dict[Decimal | str, int]:
        """The place of the class that each other way of writing it stands for, by :func:`cell_key`.

        They are 0 and 1, -1 and 1, false and true where no class is written so, and what the sample writes.
        """
        known = [cell_key(value) for value in classes]
        truth = next((pair for pair in _TRUTH_VALUES if set(known) == {cell_key(text) for text in pair}), None)
        found: dict[Decimal | str, int] = {}
        for pair in PAIRS[:3] if truth is None else _TRUTH_VALUES:
            keys = [cell_key(text) for text in pair]
            places = [1 - self.positive, self.positive]
            if truth is not None:  # 0 and 1 beside False and True are the same two, whatever the column is called
                places = [known.index(cell_key(text)) for text in truth]
            if not set(known) & set(keys):
                found |= dict(zip(keys, places, strict=True))
        own = {cell_key(cell): place for place, cell in enumerate(self.cells or ())}
        return found | {key: place for key, place in own.items() if key not in known}


def binary_column(name: str, cells: pd.Series, classes: Sequence[Any], *, positive_is_said: bool) -> BinaryColumn:
    """Infer the content of a sample's single column.

    The number stands for the class that ``positive:`` names, else for the one that the column's name holds
    (``abnormal``, ``is_fake``), else for the second of the classes; of numbers written as text, for the greater one.

    Args:
        name: of the column.
        cells: of the sample.
        classes: [negative, positive].
        positive_is_said: whether the contest file says which is positive.
    """
    place = None if positive_is_said else named_class(name, classes)
    numbers = [exact_number(value) for value in classes]
    greater = numbers[0] is not None and numbers[1] is not None and numbers[0] > numbers[1]
    positive = place if place is not None else 0 if greater and not positive_is_said else 1
    pair = _pair(cells, classes)
    return BinaryColumn(positive, place is not None, pair if pair is None or positive else (pair[1], pair[0]))


def named_class(column: str, classes: Sequence[Any]) -> int | None:
    """The place of the one class that a column is named after; None where it is none or not clear which."""
    texts = [str(value) for value in classes]
    for exactly in (lambda text: text, lambda text: text.strip().casefold()):
        found = [place for place, text in enumerate(texts) if exactly(text) == exactly(column)]
        if len(found) == 1:
            return found[0]
    parts, words = _parts(column), [_parts(text) for text in texts]
    found = [place for place, word in enumerate(words) if len("".join(word)) > 1 and _holds(parts, word)]
    if len(found) == 2:
        # "fraud" stands in "non fraud", too: the longer one is meant
        longer = max(found, key=lambda place: len(words[place]))
        found = [longer] if _holds(words[longer], words[1 - longer]) else []
    if len(found) != 1:
        return None
    others = [part for part in parts if part not in words[found[0]]]
    return None if _NEGATIONS & set(others) or all(part.isdigit() for part in words[found[0]]) else found[0]


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold()) if part]


def _holds(parts: list[str], words: list[str]) -> bool:
    spans = range(len(parts) - len(words) + 1)
    return any(parts[start : start + len(words)] == words for start in spans)


def _pair(cells: pd.Series, classes: Sequence[Any]) -> tuple[Any, Any] | None:
    """What the sample writes for (negative, positive), where its cells are none of the classes; None otherwise."""
    present = cells.dropna().unique().tolist()
    keys = {cell_key(value) for value in present}
    if not keys or keys & {cell_key(value) for value in classes}:
        return None
    pair = next((pair for pair in PAIRS if keys <= {cell_key(text) for text in pair}), None)
    if pair is None:
        return None
    if all(isinstance(value, bool) for value in present):
        return False, True
    if not any(isinstance(value, str) for value in present):
        return int(pair[0]), int(pair[1])
    first = str(present[0])
    style = str.upper if first.isupper() else str.title if first.istitle() else str.lower
    return style(pair[0]), style(pair[1])


def is_truth(classes: Sequence[Any]) -> bool:
    """Whether these are 0 and 1, or false and true, in this order."""
    return [cell_key(value) for value in classes] in [[cell_key(text) for text in pair] for pair in _TRUTH_VALUES]
