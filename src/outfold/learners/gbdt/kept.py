"""A fold's boosters on its shelf, and what they say of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outfold.learners.gbdt.booster import Array, Booster, Library
from outfold.store.damage import damaged
from outfold.store.shelf import Shelf


@dataclass(frozen=True, eq=False)
class KeptBooster:
    """A booster, and where its raw scores begin.

    Attributes:
        rounds: how many it has.
        start: (outputs,) the raw scores that are added to its own; None under an objective of the library's.
    """

    booster: Booster
    rounds: int
    start: Array | None = None

    def predict(self, features: NDArray[Any], library: Library) -> Array:
        """(n, outputs): probabilities, those of classes of sum 1, or values."""
        found, objective = self.booster.predict(features), library.settings.objective
        return found if objective is None or self.start is None else objective.values(found + self.start)

    def put(self, shelf: Shelf, file: str) -> dict[str, Any]:
        """Write the library's own file; and the rest as JSON can hold it."""
        shelf.put(file, self.booster.to_bytes())
        start = {} if self.start is None else {"start": self.start.tolist()}
        return {"file": file, "rounds": self.rounds} | start

    @classmethod
    def of(cls, shelf: Shelf, kept: dict[str, Any], library: Library) -> KeptBooster:
        """What ``put`` left."""
        start = np.array(kept["start"], dtype=np.float64) if "start" in kept else None
        data = shelf.read(kept["file"])
        try:
            booster = library.load(data)
        except Exception as error:  # each library has its own; a file without a hash may be cut
            raise damaged(shelf.path(kept["file"]), f"damaged ({str(error).strip().splitlines()[0]})") from None
        return cls(booster, int(kept["rounds"]), start)
