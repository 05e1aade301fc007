"""The picture of a training: loss, metric, learning rate and waiting for data, by epoch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from outfold.config.neural import NeuralPipeline
from outfold.plain_text import label
from outfold.plots import COLOURS, drawing, new_figure, save
from outfold.store.fold_dir import Shelf
from outfold.training.checkpoint import HISTORY
from outfold.training.recipe import PhasePlan, plan_phases
from outfold.training.schedule_curves import schedule_curves


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


PICTURE = "schedule.png"


def draw_trained(shelf: Shelf, config: NeuralPipeline, name: str, where: str, path: Path) -> None:
    """Write the picture of a fold that is trained, with the learning rates and batch sizes that it found."""
    done = shelf.done or {}
    if not {"rows", "groups"} <= done.keys():
        return  # trained before these were written down; `outfold summary` draws it
    found = {int(entry["phase"]): entry["found_lr"] for entry in read_history(shelf) if "found_lr" in entry}
    plans = [
        replace(plan, lr=found[plan.number], finds_lr=False) if plan.number in found else plan
        for plan in plan_phases(config, done["rows"], where, dict(enumerate(done.get("batch_size", []), start=1)))
    ]
    draw_schedule(plans, done["groups"], name, path)


def draw_schedule(plans: Sequence[PhasePlan], groups: int, name: str, path: Path) -> None:
    """Write the picture: the rate of each layer group, the momentum, cycle ends and snapshots."""
    curves = schedule_curves(plans, groups)
    steps = range(len(curves.momentum))
    with drawing():
        figure = new_figure(9.0, 4.8)
        rates, momentum = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        for group in range(groups):
            words = "head" if group == groups - 1 else f"group {group + 1}"
            shown = words if groups <= 8 or group in (0, groups - 1) else None
            rates.plot(steps, curves.lrs[:, group], color=_colour(group, groups), label=shown)
        top = curves.lrs[:, -1]
        rates.plot(curves.cycle_ends, top[curves.cycle_ends], "|", color="#333333", ms=10, label="cycle ends")
        if curves.snapshots:
            rates.plot(curves.snapshots, top[curves.snapshots], "*", color=COLOURS[2], ms=11, label="snapshot")
        momentum.plot(steps, curves.momentum, color="#555555")
        for axis in (rates, momentum):
            for start in curves.starts[1:]:
                axis.axvline(start, color="#999999", lw=1, ls="--")
        for plan, start in zip(plans, curves.starts, strict=True):
            share = " (of the rate found)" if plan.finds_lr else ""
            rates.annotate(
                f"phase {plan.number}: {plan.train}{share}", (start, 1), (3, 3), xycoords=("data", "axes fraction"),
                textcoords="offset points", fontsize=8,
            )  # fmt: skip
        rates.set_yscale("log")
        rates.set_ylabel("learning rate")
        rates.set_title(f"{label(name, 80)}: schedule", pad=18)
        rates.legend(fontsize=8)
        momentum.set_ylabel("momentum")
        momentum.set_xlabel("optimizer step")
        save(figure, path)


def _colour(group: int, groups: int) -> Any:
    """The house's colours for a few groups, shades from light to dark for many."""
    if groups <= len(COLOURS):
        return COLOURS[group]
    shade = 0.85 * (1 - group / (groups - 1))
    return (shade, shade, 0.5 + shade / 2)
