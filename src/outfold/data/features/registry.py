"""The kinds of features by the key that asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from outfold.data.features import count, elapsed, history, interaction, lags, rolling, target_encoding
from outfold.data.features.kind import Setting, Step

KINDS: dict[str, Callable[[Any, Setting], Sequence[Step]]] = {
    "count": count.build,
    "elapsed": elapsed.build,
    "history": history.build,
    "interaction": interaction.build,
    "lags": lags.build,
    "rolling": rolling.build,
    "target_encoding": target_encoding.build,
}
"""From the model of a key in :mod:`outfold.config.features`, and what it is made in, to steps."""
