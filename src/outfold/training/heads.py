"""Heads of our own in place of a timm model's classifier: how the last feature map becomes outputs.

``concat_pool`` is fast.ai's: concat(max pool, average pool) -> BN -> Dropout(p/2) -> Linear 512 -> ReLU -> BN ->
Dropout(p) -> Linear. ``spp`` is the same on a spatial pyramid (He, Zhang, Ren & Sun 2014): the maxima over the whole
map, over 2 x 2 and over 4 x 4 parts of it, so that it knows where as well as what, at any size of the map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from outfold.errors import ConfigError

HeadName = Literal["timm", "concat_pool", "spp"]
HIDDEN = 512
PYRAMID = (1, 2, 4)


class ConcatPool(nn.Module):
    """(n, channels, h, w) to (n, 2 * channels): the maximum and the mean of each channel."""

    factor = 2

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([features.amax(dim=(2, 3)), features.mean(dim=(2, 3))], dim=1)


class PyramidPool(nn.Module):
    """(n, channels, h, w) to (n, 21 * channels): maxima over 1 + 4 + 16 parts of the map."""

    factor = sum(side * side for side in PYRAMID)

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([functional.adaptive_max_pool2d(features, side).flatten(1) for side in PYRAMID], dim=1)


class PoolHead(nn.Module):
    """A pooling and a hidden layer in front of the outputs.

    Args:
        pool: of a feature map to a vector; has a ``factor`` by which that is wider than the map's channels.
        channels: of the map.
        outputs: logits or values.

    Attributes:
        rate: dropout before the last layer; half of it acts before the hidden one. A phase sets it.
    """

    def __init__(self, pool: ConcatPool | PyramidPool, channels: int, outputs: int) -> None:
        super().__init__()
        self.rate = 0.0
        self.pool = pool
        self.norm1 = nn.BatchNorm1d(pool.factor * channels)
        self.hidden = nn.Linear(pool.factor * channels, HIDDEN)
        self.norm2 = nn.BatchNorm1d(HIDDEN)
        self.output = nn.Linear(HIDDEN, outputs)
        for layer in (self.hidden, self.output):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Outputs (n, outputs) of a feature map (n, channels, h, w), or of what ``pool`` made of it."""
        x = self.pool(features) if features.ndim == 4 else features
        x = functional.dropout(self.norm1(x), self.rate / 2, self.training)
        x = functional.relu(self.hidden(x))
        return self.output(functional.dropout(self.norm2(x), self.rate, self.training))


def replace_head(model: nn.Module, name: HeadName, channels: int, outputs: int, where: str) -> None:
    """Put a :class:`PoolHead` in the place of pooling and classifier; its weights come from torch's generator.

    The head takes the classifier's place and name, so that layer groups and ``get_classifier`` see it as the head.

    Args:
        channels: of the images.

    Raises:
        ConfigError: the model has no feature map before its classifier (transformers, models with two classifiers).
    """
    if name == "timm":
        return
    place = (getattr(model, "pretrained_cfg", None) or {}).get("classifier")
    width = None
    if isinstance(place, str):
        width = _strip(model, place, channels)
    if width is None:
        raise ConfigError(
            f"{where}: head: {name} needs a feature map before the classifier, and {type(model).__name__} has none",
            remedy="Leave head: out, or take a convolutional model.",
        )
    pool = ConcatPool() if name == "concat_pool" else PyramidPool()
    parent, _, leaf = str(place).rpartition(".")
    setattr(model.get_submodule(parent), leaf, PoolHead(pool, width, outputs))


def _strip(model: Any, place: str, channels: int) -> int | None:
    """Take pooling and classifier away; the channels of the feature map that the model then gives, if it is one."""
    if type(model).__name__ == "VGG":
        model.pre_logits = nn.Identity()
    size = min(max((model.pretrained_cfg.get("input_size") or (3, 64, 64))[-1], 32), 64)
    training = model.training
    try:
        model.reset_classifier(0, "")
        model.get_submodule(place)
        with torch.inference_mode():
            features = model.eval()(torch.zeros(1, channels, size, size))
    except (AttributeError, AssertionError, RuntimeError, TypeError, ValueError):
        return None
    model.train(training)
    widths = {getattr(model, "head_hidden_size", None), model.num_features}
    return int(features.shape[1]) if features.ndim == 4 and features.shape[1] in widths else None


def map_warning(model: nn.Module, channels: int, shapes: Sequence[tuple[int, int]]) -> str | None:
    """What is said of a head of ours whose last feature map is too small to be pooled, at the smallest of these sizes.

    Args:
        model: on the CPU.
        channels: of the images.
        shapes: heights and widths at which the network sees images.
    """
    pool = next((module for module in model.modules() if isinstance(module, ConcatPool | PyramidPool)), None)
    if pool is None or not shapes:
        return None
    height, width = min(shapes, key=min)
    seen: list[torch.Size] = []
    handle = pool.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0].shape))
    try:
        with torch.inference_mode():
            model.eval()(torch.zeros(1, channels, height, width))
    finally:
        handle.remove()
    high, wide = seen[0][2:]
    name, least = ("concat_pool", 2) if isinstance(pool, ConcatPool) else ("spp", PYRAMID[-1])
    if min(high, wide) >= least:
        return None
    return (
        f"head: {name} pools a feature map of {high} x {wide}, from images of {height} x {width} pixels; it needs "
        f"{least} x {least} or more: take a larger size:, or leave head: out"
    )
