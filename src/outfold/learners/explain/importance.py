"""What the models of a table looked at: a file, and a picture of its top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold import plots
from outfold.store.atomic import write_text

Array = NDArray[np.float64]
_TOP = 25


def gains(boosters: Sequence[tuple[Array, Array | None]], features: Sequence[str]) -> pd.DataFrame:
    """Of each feature: ``gain``, its share of all that these boosters gained, and ``splits``, how often it was used.

    Args:
        boosters: of each, the gain and the number of splits by feature; None where its library does not tell.
    """
    gain = np.sum([gained for gained, _ in boosters], axis=0)
    table = pd.DataFrame({"gain": gain / (gain.sum() or 1.0)}, index=pd.Index(features, name="feature"))
    told = [splits for _, splits in boosters if splits is not None]
    return table.assign(splits=np.sum(told, axis=0)) if told else table


def write_importance(by_fold: Mapping[int, pd.DataFrame], folder: Path, *, title: str) -> None:
    """Write ``importance.csv`` (feature, gain_mean, gain_std, splits) and ``importance.png``, greatest first.

    ``gain_mean`` and ``gain_std`` are over folds, of a feature's share of the fold's whole gain; ``splits`` is summed,
    and left out where the library does not tell.
    """
    gain = pd.DataFrame({fold: frame["gain"] for fold, frame in by_fold.items()})
    table = pd.DataFrame({"gain_mean": gain.mean(axis=1), "gain_std": gain.std(axis=1, ddof=0)})
    if all("splits" in frame for frame in by_fold.values()):
        splits = pd.DataFrame({fold: frame["splits"] for fold, frame in by_fold.items()})
        table["splits"] = splits.sum(axis=1).astype(int)
    table = table.sort_values(["gain_mean", "feature"], ascending=[False, True])
    write_text(folder / "importance.csv", table.to_csv(float_format="%.6g", lineterminator="\n"))
    _draw(table["gain_mean"], table["gain_std"], folder / "importance.png", title, "gain")


def write_shares(by_fold: Mapping[int, pd.Series], folder: Path, *, title: str) -> None:
    """Write ``importance.csv`` (feature, share_mean, share_std) and ``importance.png``, greatest first.

    Args:
        by_fold: of each feature, its share of the whole. What a fold does not have (a rare category) has none of it.
    """
    shares = pd.DataFrame(dict(by_fold)).fillna(0.0)
    table = pd.DataFrame({"share_mean": shares.mean(axis=1), "share_std": shares.std(axis=1, ddof=0)})
    table = table.rename_axis("feature").sort_values(["share_mean", "feature"], ascending=[False, True])
    write_text(folder / "importance.csv", table.to_csv(float_format="%.6g", lineterminator="\n"))
    _draw(table["share_mean"], table["share_std"], folder / "importance.png", title, "weight")


def pixel_map(gain: pd.Series) -> np.ndarray | None:
    """The share of ``image.pixel_r_c`` as a small image (rows, columns), or None where there are no pixels."""
    places = gain.index.str.extract(r"^image\.pixel_(\d+)_(\d+)$").dropna().astype(int)
    if places.empty:
        return None
    found = np.zeros((places[0].max() + 1, places[1].max() + 1))
    found[places[0], places[1]] = gain.to_numpy()[places.index]
    return found


def _draw(mean: pd.Series, spread: pd.Series, path: Path, title: str, what: str) -> None:
    """The top of shares of ``what``, in percent, and a map of those of pixels."""
    top, pixels = mean.head(_TOP), pixel_map(mean)
    with plots.drawing():
        figure = plots.new_figure(8.0 if pixels is None else 12.0, 1.2 + 0.28 * len(top))
        axes = figure.subplots(
            1, 1 if pixels is None else 2, squeeze=False, width_ratios=None if pixels is None else (3, 2)
        )
        bars = axes[0, 0]
        means, spreads = (dict(zip(top.index, 100 * values.head(_TOP), strict=True)) for values in (mean, spread))
        plots.draw_bars(bars, means, errors=spreads)
        bars.set(
            title=f"{title}: {what} by feature", xlabel=f"% of the {what}; mean and spread over folds", xlim=(0, None)
        )
        if pixels is not None:
            shown = axes[0, 1].imshow(100 * pixels, cmap="viridis")
            axes[0, 1].set(title=f"{what} by pixel of the small copy", xticks=[], yticks=[])
            figure.colorbar(shown, ax=axes[0, 1], label="%", shrink=0.6)
        plots.save(figure, path)
