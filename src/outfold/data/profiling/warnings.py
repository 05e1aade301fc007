"""What to distrust about a column, in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from outfold.data.profiling.facts import Column, Facts, numbers_of
from outfold.data.reading.column_notes import to_be
from outfold.data.reading.column_types import is_text
from outfold.errors import some

LEAKS = 0.98
"""A relation to the target from which on it is hardly to be believed."""
DRIFTS = 0.1
"""A distance between training and test set, beyond chance, that is worth a word."""
FEW_CODES = 20
FALLS = -0.7
"""The rank correlation of whole numbers with how often each stands there, below which they are counts."""
EARLIEST, LATEST = 1900, 2100
SURE_Z = 6.0
_DATE = r"\s*\d{4}-\d{1,2}-\d{1,2}([ T].*)?|\s*\d{1,2}[./]\d{1,2}[./]\d{4}([ T].*)?"


def warnings_of(column: Column, facts: Facts) -> list[str]:
    """Every warning about a column; none about targets and the columns that the contest file says to ignore."""
    if column.role in ("ignored", "target"):
        return []
    return [*_presence(column, facts), *_values(column, facts), *_targets(column, facts), *_drifts(column, facts)]


def _presence(column: Column, facts: Facts) -> Iterator[str]:
    if column.test is None:
        yield "the test set does not have it"
    if column.train is None:
        yield "the training table does not have it"
        return
    if facts.missing_train == 1:
        yield "empty in the training table"
    elif facts.missing_test == 1:
        yield "empty in the test set: what a model learns from it is of no use there"
    elif abs(facts.missing_test - facts.missing_train) > DRIFTS:
        yield f"missing in {facts.missing_train:.0%} of the training rows, in {facts.missing_test:.0%} of the test rows"


def _values(column: Column, facts: Facts) -> Iterator[str]:
    values = column.values
    present = values.dropna()
    rows = len(present)
    if rows and facts.distinct == 1:
        yield "constant" if facts.missing_train == 0 else "one value, or missing"
    if rows >= 30 and facts.distinct == rows and (facts.type == "text" or _dense(present, facts)):
        yield "every row has another value: an id?"
    if facts.type == "text":
        yield from _of_text(column, present)
    if facts.type == "date":
        strange = sorted({int(year) for year in present.dt.year.unique() if not EARLIEST <= year <= LATEST})
        if strange:
            yield f"years {some(strange, 3)}: placeholders for no date?"
    if facts.type == "whole" and column.role == "continuous" and not column.declared and _codes(present, facts):
        yield f"{facts.distinct} whole numbers; if they are codes, {to_be('categorical', column.name)}"
    infinite = sum(_infinite(part) for part in (column.train, column.test))
    if infinite:
        yield f"{infinite} infinite values, which count as missing"


def _of_text(column: Column, present: pd.Series) -> Iterator[str]:
    parts = [part.dropna() for part in (column.train, column.test) if part is not None and is_text(part)]
    words = pd.Series(pd.unique(pd.concat(parts)) if parts else [], dtype=object).map(str)
    folded = words.str.strip().str.replace(r"\s+", " ", regex=True).str.casefold()
    twins = words[folded.duplicated(keep=False)]
    if column.role == "categorical" and len(twins):
        first = words[folded == folded[twins.index[0]]]
        yield f"differ by case or blanks alone, and are different categories to a model: {some(map(repr, first), 3)}"
    head = present.iloc[:1000].astype(str)
    if column.role != "dates" and len(head) and head.str.fullmatch(_DATE).mean() > 0.95:
        yield f"looks like dates: {to_be('dates', column.name)}"


def _targets(column: Column, facts: Facts) -> Iterator[str]:
    if facts.relation is not None and facts.relation.strength >= LEAKS and facts.relation.z > SURE_Z:
        yield f"alone it all but tells the target ({facts.relation.strength:.3f}): would you have it when you predict?"


def _drifts(column: Column, facts: Facts) -> Iterator[str]:
    if facts.drift is None:
        return
    if facts.drift.unseen > 0.01:
        yield f"{facts.drift.unseen:.1%} of the test rows have a category that training has not"
    if facts.drift.excess > DRIFTS:
        yield f"the test set has other values of it than training ({facts.drift.distance:.2f})"


def _dense(present: pd.Series, facts: Facts) -> bool:
    """Whether whole numbers fill at least half of their range, as counters do."""
    return facts.type == "whole" and float(present.max()) - float(present.min()) < 2 * len(present)


def _codes(present: pd.Series, facts: Facts) -> bool:
    """Whether few whole numbers may name kinds of things; not so if they fall off from 0 or 1 on, as counts do."""
    numbers = pd.Series(numbers_of(present))
    if not 2 < facts.distinct <= FEW_CODES or facts.distinct * 20 > len(present) or bool((numbers < 0).any()):
        return False
    often = numbers.value_counts().sort_index()
    if often.index[0] not in (0, 1) or often.nunique() == 1:
        return True
    return bool(often.index.to_series().corr(often, method="spearman") >= FALLS)


def _infinite(values: pd.Series | None) -> int:
    return 0 if values is None or values.dtype.kind != "f" else int(np.isinf(values.to_numpy(np.float64)).sum())
