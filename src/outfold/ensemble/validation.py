"""Members as they come in: refused where they cannot be what the task says, by name and row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from outfold.ensemble.problem import Array, Task, valid_outputs
from outfold.errors import MismatchError
from outfold.metrics import PER_CLASS

SLACK = 1e-3
"""How far rounding may take a probability out of [0, 1]."""


def checked_members(
    P: Array, names: Sequence[str], task: Task, *, rows: Array | None = None, precise: bool = False
) -> Array:
    """The members (members, n, outputs) as float32, finite, and valid for the task; ``P`` itself where it is all that.

    Probabilities that rounding has put just outside [0, 1] are clipped, and classes of a row brought to sum 1 (those of
    models that score each class by itself have another).

    Args:
        rows: (n,) numbers by which a message names the rows; their position by default.
        precise: values of a regression are float64.

    Raises:
        MismatchError: a value is missing or infinite, or lies outside [0, 1] where probabilities are expected.
    """
    kept = np.float64 if precise and task == "regression" else np.float32
    members = P if P.dtype == kept else np.asarray(P, dtype=kept)
    for j, name in enumerate(names):
        member = members[j]
        bad = ~np.isfinite(member).all(axis=1)
        if bad.any():
            raise MismatchError(
                f"member {name}: {int(bad.sum())} of {len(bad)} rows have no finite prediction ({_first(bad, rows)})",
                remedy="A fold is missing or has diverged; train it again, or leave the member out of the blend.",
            )
        if task == "regression" or _is_valid(member, task):
            continue
        bad = ((member < -SLACK) | (member > 1 + SLACK)).any(axis=1)
        if bad.any():
            raise MismatchError(
                f"member {name}: {int(bad.sum())} of {len(bad)} rows lie outside [0, 1] ({_first(bad, rows)}), "
                f"expected the probabilities of a {task} task",
                remedy="Have the model give probabilities, not logits or margins.",
            )
        if members is P or np.shares_memory(members, P):
            members = members.copy()
        members[j] = valid_outputs(member, task)
    return members


def _is_valid(member: Array, task: Task) -> bool:
    if member.min(initial=0.0) < 0 or member.max(initial=1.0) > 1:
        return False
    return task not in PER_CLASS or bool((np.abs(member.sum(axis=1, dtype=np.float64) - 1) < 1e-5).all())


def _first(bad: Array, rows: Array | None) -> str:
    first = int(np.argmax(bad))
    return f"first: row {first if rows is None else int(rows[first])}"
