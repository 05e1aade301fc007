"""The sample submission against the target: its columns must be ones that a model's outputs can fill."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from outfold.data.targets.targets import Target
from outfold.errors import DataError, some
from outfold.metrics import Subtask, columns_by_target


def check_sample(
    sample: pd.DataFrame,
    target: Target,
    id_column: str,
    targets: Sequence[str],
    path: Path,
    subtasks: Sequence[Subtask] = (),
) -> None:
    """One column a class, a label or a target, by name; or a single column of any name for what one column can hold.

    Args:
        sample: by id, its columns.
        target: resolved.
        id_column: for the message.
        targets: the target columns.
        path: of the sample submission.
        subtasks: of a multitask contest.

    Raises:
        DataError: a column that is no output, or an output without a column.
    """
    columns = [str(name) for name in sample.columns]
    if subtasks:
        columns_by_target(subtasks, columns, str(path), DataError)
        return
    one_cell_is_enough = target.task != "multilabel" or len(targets) == 1
    if len(columns) == 1 and len(target.outputs if target.task == "regression" else [1]) == 1 and one_cell_is_enough:
        return
    wanted = [str(name) for name in target.classes] if target.classes is not None else list(target.outputs)
    extra = [name for name in columns if name not in wanted]
    lacking = [name for name in wanted if name not in columns]
    if not extra and not lacking:
        return
    what = {"multilabel": "labels", "regression": "targets"}.get(target.task, "classes")
    parts = []
    if extra:
        parts.append(f"its columns {some(extra)} are none of the {what} of the training rows ({some(wanted)})")
    if lacking:
        parts.append(f"the {what} {some(lacking)} have no column in it")
    raise DataError(
        f"{path}: {'; '.join(parts)}",
        remedy=f"Check `target` and `task`: beside {id_column}, it needs one column for each of the {what}.",
    )
