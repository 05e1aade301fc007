"""``learner: tabular``: a network on the contest's table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from outfold.config.neural import NeuralPipeline
from outfold.config.phase import Phase
from outfold.config.table_pipeline import TablePipelineBase

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


OF_IMAGES = ("size", "resize", "augment", "strength", "mixup", "cutmix", "erase", "precompute", "tta", "workers")
"""Keys of an image pipeline and of its phases that a table has no use for."""

Rate = Annotated[float, Field(ge=0, lt=1)]


def _without_images(given: Any) -> Any:
    """What is given, if it has no key of images."""
    for key in OF_IMAGES if isinstance(given, dict) else ():
        if key in given:
            raise ValueError(f"{key}: is for images; learner: tabular learns from a table")
    return given


class TabularPhase(Phase):
    """One entry of ``phases:`` of a network of tables. Keys that are left out take the pipeline's value."""

    batch_size: int | None = Field(default=None, ge=1)
    """Rows a batch."""

    @model_validator(mode="before")
    @classmethod
    def _no_images(cls, given: Any) -> Any:
        return _without_images(given)


class TabularPipeline(NeuralPipeline, TablePipelineBase):
    """A vector for each category, beside the numbers, through a few layers (Guo & Berkhahn 2016)."""

    learner: Literal["tabular"]
    """tabular: a network on the table."""
    model: TabularModel = "embeddings"
    """embeddings: entity embeddings and a few layers. tabm: TabM, an ensemble of k networks in one, which share most weights. realmlp: RealMLP, tuned by its authors, with its own training. The last two need `outfold[networks]`."""
    params: dict[str, Any] = {}
    """model: tabm: arguments of tabm's `TabM.make` (k, n_blocks, d_block, dropout, arch_type, activation), and n_bins and d_embedding of its numbers. model: realmlp: parameters of pytabkit's `RealMLP_TD_Classifier` or `_Regressor`."""
    inner_fraction: float = Field(default=0.2, gt=0, lt=1)
    """model: realmlp: share of the training part that chooses the epoch to stop at. Never the rows that score."""
    refit: bool = True
    """model: realmlp: train again on the whole training part, to the epoch found."""
    layers: list[Annotated[int, Field(ge=1)]] = Field(default=[1000, 500], min_length=1)
    """Width of each hidden layer: Linear, ReLU, BatchNorm, Dropout."""
    dropouts: Rate | list[Rate] = 0.1
    """Dropout after each hidden layer: one number for all, or one a layer. A phase's `dropout` takes the place of the last."""
    embedding_dropout: Rate = 0.04
    """Dropout of the numbers that the categories have become."""
    embedding_width: Literal["fastai_07", "fastai_2"] | Annotated[int, Field(ge=1)] = "fastai_07"
    """Numbers a category, for c categories, the missing one among them. fastai_07: min(50, (c + 1) // 2). fastai_2: min(600, round(1.6 c^0.56)). Or one number for all columns."""
    batch_size: int = Field(default=128, ge=1)
    """Rows a batch."""
    phases: list[TabularPhase] = Field(
        default=[TabularPhase(cycles=3, cycle_len=1, cycle_mult=2, lr=1e-3, snapshots=True)], min_length=1
    )
    """The recipe."""

    @model_validator(mode="before")
    @classmethod
    def _no_images(cls, given: Any) -> Any:
        return with_advice(_without_images(given))

    def idle(self) -> dict[str, str]:
        """What any network, or this model, has no use for."""
        return super().idle() | idle_keys(self.model, type(self).model_fields)

    @model_validator(mode="after")
    def _a_dropout_a_layer(self) -> TabularPipeline:
        if isinstance(self.dropouts, list) and len(self.dropouts) != len(self.layers):
            raise ValueError(f"dropouts: has {len(self.dropouts)} numbers; there are {len(self.layers)} layers")
        return self

    @property
    def by_engine(self) -> bool:
        """RealMLP is not."""
        return self.model != "realmlp"

    @property
    def layer_dropouts(self) -> list[float]:
        """The dropout after each hidden layer."""
        return self.dropouts if isinstance(self.dropouts, list) else [self.dropouts] * len(self.layers)

    @property
    def last_dropout(self) -> float:
        """The dropout before the last layer, where a phase does not say; TabM has its own behind every layer."""
        return self.layer_dropouts[-1] if self.model == "embeddings" else 0.0
