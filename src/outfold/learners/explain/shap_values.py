"""SHAP values of the models of a table: a file, and a picture of its top.

Lundberg & Lee 2017; for trees, exactly, by TreeSHAP (Lundberg et al. 2020), which each library has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold import plots
from outfold.plain_text import label
from outfold.store.atomic import write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS, FEWEST_ROWS = 500, 20
LEAVES = 20_000_000
"""Leaves to be passed, of all rows together: a second or two of one core."""
_TABLE, _PICTURE = "shap.csv", "shap.png"
_TOP = 20
_LAYERS = 30
_NAMED = 9

Array = NDArray[np.float64]


def sample_of(ids: pd.Index, leaves: int, seed: int) -> pd.Index:
    """Rows to explain, in their order: as many as the leaves of all models allow, and none where that is too few."""
    count = min(len(ids), MOST_ROWS, LEAVES // max(1, leaves))
    if count < min(len(ids), FEWEST_ROWS):
        return ids[:0]
    return ids[np.sort(np.random.default_rng(seed).choice(len(ids), count, replace=False))]


def remove_shap(folder: Path) -> None:
    """Remove what :func:`write_shap` left there: of other models."""
    for name in (_TABLE, _PICTURE):
        (folder / name).unlink(missing_ok=True)


def write_shap(
    by_fold: Mapping[int, Array],
    features: Array,
    names: Sequence[str],
    outputs: Sequence[str],
    folder: Path,
    *,
    title: str,
) -> None:
    """Write ``shap.csv`` (feature, shap_mean, shap_std, and the mean of each of several outputs) and ``shap.png``.

    ``shap_mean`` is the mean of |SHAP| over rows and folds, summed over outputs; ``shap_std`` its spread over folds.
    The picture has a dot a row for one output, where each dot is the mean over folds, as a prediction is.

    Args:
        by_fold: (rows, outputs, features), in units of the raw score, of the same rows in each fold.
        features: (rows, features) what the rows have, for the colour; NaN is grey.
    """
    sizes = {fold: np.abs(values).mean(axis=0) for fold, values in by_fold.items()}
    each = pd.DataFrame({fold: size.sum(axis=0) for fold, size in sizes.items()})
    table = pd.DataFrame({"feature": list(names), "shap_mean": each.mean(axis=1), "shap_std": each.std(axis=1, ddof=0)})
    by_output = np.mean(list(sizes.values()), axis=0)
    if len(by_output) > 1:
        table = pd.concat([table, pd.DataFrame(by_output.T, columns=list(map(str, outputs)))], axis=1)
    order = table.sort_values(["shap_mean", "feature"], ascending=[False, True]).index
    text = table.loc[order].to_csv(index=False, float_format="%.6g", lineterminator="\n")
    write_text(folder / _TABLE, text)
    top = order.to_numpy()[:_TOP]
    with plots.drawing():
        figure = plots.new_figure(8.0, 1.3 + 0.3 * len(top))
        axes = figure.subplots()
        if len(by_output) > 1:
            _draw_outputs(axes, by_output[:, top], list(map(str, outputs)))
        else:
            dots = np.mean([values[:, 0] for values in by_fold.values()], axis=0)
            _draw_dots(axes, dots[:, top], features[:, top])
        axes.set_yticks(range(len(top)), [label(names[place]) for place in top])
        axes.set_ylim(len(top) - 0.4, -0.6)
        axes.set_title(f"{label(title, 60)}: SHAP values of {len(features):,} test rows")
        plots.save(figure, folder / _PICTURE)


def _draw_dots(axes: Axes, values: Array, features: Array) -> None:
    """Each feature a line, each row a dot; where dots crowd, they pile up."""
    shown: Any = None
    for place, (moved, has) in enumerate(zip(values.T, features.T, strict=True)):
        height = place + _piled(moved)
        low, high = np.nanpercentile(has, [5, 95]) if (~np.isnan(has)).any() else (0.0, 1.0)
        level = np.clip((has - low) / ((high - low) or 1.0), 0, 1)
        blank = np.isnan(level)
        axes.scatter(moved[blank], height[blank], s=9, color="#9498a0", linewidths=0, rasterized=True)
        shown = axes.scatter(
            moved[~blank], height[~blank], c=level[~blank], s=9, cmap="coolwarm", vmin=0, vmax=1, linewidths=0
        )
    axes.axvline(0, color="#888888", lw=0.8, zorder=0)
    axes.set_xlabel("moves the raw score by (mean of the folds); grey: a category or missing")
    bar = axes.figure.colorbar(shown, ax=axes, ticks=[0, 1], shrink=0.5, aspect=30)
    bar.set_ticklabels(["low", "high"])
    bar.outline.set_visible(False)


def _piled(values: Array) -> Array:
    """How far from its line each dot lies, so that crowded ones do not hide each other."""
    span = float(np.ptp(values)) or 1.0
    bins = np.rint((values - values.min()) / span * 100).astype(int)
    heights = np.zeros(len(values))
    for one in np.unique(bins):
        (there,) = np.nonzero(bins == one)
        turns = np.arange(len(there))
        heights[there] = np.where(turns % 2, -1, 1) * ((turns + 1) // 2)
    return np.asarray(0.4 * heights / max(_LAYERS, np.abs(heights).max()))


def _draw_outputs(axes: Axes, sizes: Array, outputs: Sequence[str]) -> None:
    """Each feature a bar, of a part for each output; those that matter least share one."""
    order = np.argsort(-sizes.sum(axis=1), kind="stable")
    parts = {outputs[place]: sizes[place] for place in order[:_NAMED]}
    if len(order) > _NAMED:
        parts[f"{len(order) - _NAMED} others"] = sizes[order[_NAMED:]].sum(axis=0)
    left = np.zeros(sizes.shape[1])
    for colour, (name, size) in zip(plots.COLOURS, parts.items(), strict=False):
        axes.barh(range(len(size)), size, left=left, color=colour, height=0.7, label=plots.in_legend(name))
        left += size
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("mean size of what moves the raw score (mean of the folds)")
    axes.legend(loc="lower right", fontsize=8)
