"""The picture of a training: loss, metric, learning rate and waiting for data, by epoch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from outfold.plain_text import label
from outfold.plots import drawing, new_figure, save
from outfold.store.shelf import Shelf
from outfold.training.checkpoint import HISTORY


def read_history(shelf: Shelf) -> list[dict[str, float]]:
    """One entry an epoch, in order; empty where nothing was trained."""
    if not shelf.has(HISTORY):
        return []
    return [json.loads(line) for line in shelf.read(HISTORY).decode().splitlines()]


def draw_history(shelves: Mapping[int, Shelf], name: str, metric: str, path: Path) -> None:
    """Write the picture: one line a fold."""
    with drawing():
        figure = new_figure(16.0, 3.6)
        losses, scores, rates, waits = figure.subplots(1, 4)
        for number, (fold, shelf) in enumerate(sorted(shelves.items())):
            history = read_history(shelf)
            epochs = range(1, len(history) + 1)
            colour = f"C{number % 10}"
            losses.plot(epochs, [entry["loss"] for entry in history], color=colour, label=f"fold {fold}")
            for axis, key, style in ((losses, "valid_loss", "--"), (scores, metric, "-"), (rates, "lr", "-")):
                axis.plot(epochs, [entry.get(key, float("nan")) for entry in history], style, color=colour)
            waits.plot(epochs, [100 * entry["waiting"] for entry in history], color=colour)
        losses.set_title(f"{label(name)}: loss (dashed: validation)")
        losses.set_yscale("log")
        losses.legend()
        scores.set_title(f"{label(metric)} on validation, without TTA")
        rates.set_title("learning rate at the end of the epoch")
        waits.set_title("% of time waiting for data")
        waits.set_ylim(0, 100)
        for axis in (losses, scores, rates, waits):
            axis.set_xlabel("epoch")
        save(figure, path)
