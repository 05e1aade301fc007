"""Stamp of a stage: taken at its start, written when its result is up to date."""

from __future__ import annotations

from collections.abc import Iterable

from outfold.runs.context import Context
from outfold.store import stamps


class Stamp:
    """State of the files that a stage reads and writes.

    Taken before the stage reads, so that a file edited while it runs differs from the stamp, and the stage runs again.

    Args:
        also: further files that it reads, by path relative to the contest folder.
    """

    def __init__(self, context: Context, stage: str, name: str = "", also: Iterable[str] = ()) -> None:
        self.context, self.stage, self.name = context, stage, name
        read = stamps.states(context.root, [*stamps.inputs_of(context.root, stage, name), *also])
        # the contest is read once, for all pipelines of a command
        self._read = read | {path: state for path, state in context.contest_states.items() if path in read}

    def write(self, *, present: Iterable[str] = ()) -> None:
        """Record that the result is up to date.

        Args:
            present: further files that must stay, whatever is in them.
        """
        root, data = self.context.root, self.context.data_hash
        files = self._read | stamps.states(root, stamps.outputs_of(self.stage, self.name))
        stamp = {"toolkit": stamps.toolkit(), "data": data, "files": files, "present": list(present)}
        stamps.write_stamp(root, self.stage, self.name, stamp)

    def remove(self) -> None:
        """Remove the stamp, since the result is incomplete."""
        stamps.stamp_path(self.context.root, self.stage, self.name).unlink(missing_ok=True)
