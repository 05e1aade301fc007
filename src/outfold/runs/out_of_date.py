"""Error for missing or outdated results, with the commands that update them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from outfold.errors import MismatchError
from outfold.store.paths import command


class OutOfDateError(MismatchError):
    """Results are missing, or do not match the current inputs.

    Args:
        stages: what brings them up to date: of which pipelines, by stage in the order of the chain.
    """

    def __init__(self, root: Path, message: str, stages: Mapping[str, Sequence[str]]) -> None:
        self.stages = stages
        commands = [f"`{command(root, stage, *names)}`" for stage, names in stages.items()]
        *first, last = commands
        super().__init__(message, remedy=f"Run {', '.join(first)}{' and ' if first else ''}{last} first.")

    def __reduce__(self) -> tuple[type[MismatchError], tuple[str]]:
        """Pickled as its message alone."""
        return MismatchError, (str(self),)


def together(
    root: Path, errors: Sequence[OutOfDateError], also: Mapping[str, Sequence[str]] | None = None
) -> OutOfDateError:
    """Merge several errors into one, with their stages in the order of the chain.

    Args:
        also: further stages, of which pipelines.
    """
    wanted = [*(error.stages for error in errors), also or {}]
    stages = {
        stage: list(dict.fromkeys(name for each in wanted for name in each.get(stage, ())))
        for stage in ("split", "train", "predict", "ensemble")
        if any(stage in each for each in wanted)
    }
    return OutOfDateError(root, "; ".join(dict.fromkeys(error.message for error in errors)), stages)
