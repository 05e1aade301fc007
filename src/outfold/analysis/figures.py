"""Pictures of scores, weights and rows, for the notebook and the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from outfold.analysis.error_analysis import question, said_and_true
from outfold.analysis.workspace import values_of
from outfold.errors import DataError
from outfold.plain_text import label
from outfold.plots import COLOURS, draw_bars, drawing, new_figure
from outfold.store.paths import BLEND

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from outfold.analysis.workspace import Workspace


class Figures:
    """Each method draws one figure of a contest folder."""

    def __init__(self, work: Workspace) -> None:
        self.work = work

    def scores(self) -> Figure:
        """Each pipeline's score on every fold, its mean as a line: is one better, or only luckier?"""
        table = self.work.scores()
        folds = [name for name in table.columns if name.startswith("fold ") and name.split()[1].isdigit()]
        with drawing():
            figure = new_figure(8.0, 1.4 + 0.5 * len(table))
            axes = figure.subplots()
            for place, (name, row) in enumerate(table.iterrows()):
                colour = COLOURS[2] if name == BLEND else COLOURS[0]
                scores = row[folds].to_numpy(float)
                axes.scatter(scores, np.full(len(scores), place), color=colour, alpha=0.6, s=36, zorder=3)
                axes.plot([row["fold mean"]] * 2, [place - 0.3, place + 0.3], color=colour, lw=2.5, zorder=4)
            axes.set_yticks(range(len(table)), [label(name) for name in table.index])
            axes.invert_yaxis()
            axes.set_xlabel(f"{label(table.columns[0])} of each fold (line: mean)")
            axes.set_title("Out-of-fold scores")
        return figure

    def weights(self) -> Figure:
        """What each member weighs in the blend.

        Raises:
            DataError: the combiner has no weights.
        """
        weights = self.work.manifest(BLEND).extra.get("weights")
        if not weights:
            raise DataError("figures.weights: this blend's combiner has no weights")
        with drawing():
            figure = new_figure(8.0, 1.2 + 0.32 * len(weights))
            axes = figure.subplots()
            draw_bars(axes, weights)
            axes.set_title("Weights of the blend")
        return figure

    def confusion(self, pipeline: str = BLEND, target: str | None = None) -> Figure:
        """Truth by prediction, in rows; the diagonal is left out of the colour scale.

        Args:
            target: of a contest of several; left out, the first one of classes.

        Raises:
            DataError: the task has no single class a row.
        """
        work = self.work
        contest = question(work.contest, target)
        if contest.classes is None or contest.task == "multilabel":
            raise DataError(f"figures.confusion: the task is {contest.task}; a row has no single class")
        oof = work.oof(pipeline)
        truth = contest.truth(oof.index)
        said = said_and_true(contest, values_of(oof, contest.outputs), truth)[0].argmax(axis=1)
        k = len(contest.classes)
        counts = np.zeros((k, k), dtype=int)
        np.add.at(counts, (truth, said), 1)
        wrong = np.where(np.eye(k, dtype=bool), 0, counts)
        names = [label(name, 24) for name in contest.classes]
        with drawing():
            side = min(2.5 + 0.42 * k, 12)
            figure = new_figure(side, side)
            axes = figure.subplots()
            axes.grid(visible=False)
            axes.imshow(wrong, cmap="Reds", vmin=0, vmax=max(1, wrong.max()))
            if k <= 25:
                for i, j in np.argwhere(counts):
                    axes.text(
                        j,
                        i,
                        counts[i, j],
                        ha="center",
                        va="center",
                        fontsize=8,
                        color="#888" if i == j else "white" if wrong[i, j] > wrong.max() / 2 else "black",
                    )
            axes.set_xticks(range(k), names, rotation=90 if k > 12 else 0)
            axes.set_yticks(range(k), names)
            axes.set_xlabel("predicted")
            axes.set_ylabel("truth")
            axes.set_title(f"Confusion, {label(pipeline)}")
        return figure

    def worst(self, pipeline: str = BLEND, n: int = 16) -> Figure:
        """The rows with the greatest out-of-fold loss, as a grid of images.

        Raises:
            DataError: the contest has no images; ``outfold.open(...).worst()`` is the same as a table.
        """
        work = self.work
        if not work.contest.roles.image:
            raise DataError("figures.worst: the contest has no images", remedy="Use worst(), the same as a table.")
        from outfold.data.images.decode import decode

        table = work.worst(pipeline, n)
        across = min(8, max(1, len(table)))
        down = -(-len(table) // across)
        with drawing():
            figure = new_figure(1.55 * across, 2.0 * down + 0.4)
            grid = figure.subplots(down, across, squeeze=False).ravel()
            paths = work.contest.images("train", table.index)
            for axes in grid:
                axes.axis("off")
            for axes, path, (name, row) in zip(grid, paths, table.iterrows(), strict=False):
                axes.imshow(decode(path))
                words = [label(name, 28), f"is {label(row['truth'], 20)}", f"said {label(row['predicted'], 20)}"]
                axes.set_title("\n".join(words), fontsize=8, fontweight="normal")
            figure.suptitle(f"The worst rows, {label(pipeline)}", x=0.01, ha="left", fontsize=11)
        return figure
