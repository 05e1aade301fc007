"""``model:`` of ``learner: tabular``: which keys are whose, and what a model's own authors advise where none is said."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

TabularModel = Literal["embeddings", "tabm", "realmlp"]

_OF_EMBEDDINGS = {
    "layers": "n_blocks and d_block, or hidden_sizes",
    "dropouts": "dropout, or p_drop",
    "embedding_dropout": "dropout, or p_drop",
}
"""Keys of model: embeddings alone, and what they are called in the params of the others."""
_OF_REALMLP = ("inner_fraction", "refit")
_REALMLP_TAKES = frozenset({"model", "params", "learner", "features", "drop", "image_features", "seed"})
_REALMLP_TAKES |= {"device", "devices", "jobs", "target_transform", "tune", "by_fold", "tuned_on", *_OF_REALMLP}

_ADVISED: Mapping[str, dict[str, Any]] = {
    # Gorishniy, Kotelnikov & Babenko 2024: AdamW at 2e-3 with a weight decay of 3e-4, batches of 256
    "tabm": {"batch_size": 256, "weight_decay": 3e-4, "phases": [{"epochs": 30, "schedule": "flat_cosine", "lr": 2e-3}]}
}


def with_advice(given: Any) -> Any:
    """The file's keys, and those that a model's authors advise where the file says nothing."""
    if not isinstance(given, dict):
        return given
    return {**_ADVISED.get(str(given.get("model")), {}), **given}


def idle_keys(model: TabularModel, keys: Collection[str]) -> dict[str, str]:
    """Of these keys of a pipeline, those that the model has no use for, and why."""
    idle: dict[str, str] = {}
    if model != "embeddings":
        for key, other in _OF_EMBEDDINGS.items():
            idle[key] = f"belongs to model: embeddings; for model: {model}, say it in params: ({other})"
    else:
        idle["params"] = "belong to model: tabm and model: realmlp"
    if model != "realmlp":
        idle |= dict.fromkeys(
            _OF_REALMLP, "belongs to model: realmlp, which stops early; the others end with their recipe"
        )
        return idle
    why = "is for networks that the engine trains; RealMLP has a recipe of its own, see params:"
    return dict.fromkeys(sorted(set(keys) - _REALMLP_TAKES - set(idle)), why) | idle
