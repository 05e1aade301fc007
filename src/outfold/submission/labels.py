"""Spelling of each class in a submission: as in the sample, else as in the training table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from outfold.submission.form import Form


def written_labels(
    form: Form, sample: pd.DataFrame, classes: Sequence[Any], spelled: Sequence[str] | None
) -> list[Any] | None:
    """A cell for each class, in their order; None where it is the class itself.

    Args:
        form: of the submission.
        sample: the sample submission as read.
        classes: as the contest has them.
        spelled: how the training table writes them, where that differs (``1.0`` for 1).
    """
    if form.kind == "label" and form.binary is not None and form.binary.cells is not None:
        return list(form.binary.cells)
    return spelled_labels([sample[name] for name in form.columns], classes, spelled)


def spelled_labels(
    cells: Sequence[pd.Series], classes: Sequence[Any], spelled: Sequence[str] | None
) -> list[Any] | None:
    """The training table's spelling, unless cells of the sample hold a class without it; None where there is none."""
    if spelled is None:
        return None
    words = {word for column in cells for cell in column.dropna().unique() for word in str(cell).split()}
    return None if words & ({str(value) for value in classes} - set(spelled)) else list(spelled)
