"""The kinds of features by the key that asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from outfold.data.features import (
    aggregate,
    bins,
    calendar,
    count,
    elapsed,
    history,
    interaction,
    lags,
    missing,
    rank,
    rare,
    rolling,
    target_encoding,
    text,
    transform,
)
from outfold.data.features.base import Setting, Step

KINDS: dict[str, Callable[[Any, Setting], Sequence[Step]]] = {
    "aggregate": aggregate.build,
    "bins": bins.build,
    "count": count.build,
    "cyclical": calendar.build_cyclical,
    "date_parts": calendar.build_parts,
    "elapsed": elapsed.build,
    "extract": text.build_extract,
    "frequency": count.build,
    "history": history.build,
    "interaction": interaction.build,
    "lags": lags.build,
    "missing": missing.build,
    "missing_count": missing.build_count,
    "rank": rank.build,
    "rare": rare.build,
    "rolling": rolling.build,
    "target_encoding": target_encoding.build,
    "text_length": text.build_length,
    "transform": transform.build,
}
"""From the model of a key in :mod:`outfold.config.features`, and what it is made in, to steps."""
