"""Layer groups: which parameters share a learning rate, from the stem to the head.

Resnets, VGGs and densenets have the three groups of the fast.ai course, and a network of ours those that it names
itself. Every other model has the coarse groups of its own ``group_matcher`` (stem, each stage or block, head).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from outfold.errors import ConfigError

# groups are data: for each family, patterns of the parameters of the first and the second group; the rest is the head
_THREE_GROUPS = {
    "ResNet": (r"(conv1|bn1|layer1|layer2)\.", r"(layer3|layer4)\."),
    "DenseNet": (
        r"features\.(conv0|norm0|denseblock1|transition1|denseblock2|transition2)\.",
        r"features\.(denseblock3|transition3|denseblock4|norm5)\.",
    ),
}


def layer_groups(model: nn.Module) -> list[list[str]]:
    """The names of the model's parameters by group; the last group is the head.

    Raises:
        ConfigError: the model says nothing of its groups.
    """
    names = [name for name, _ in model.named_parameters()]
    if hasattr(model, "layer_groups"):
        groups: list[list[str]] = model.layer_groups()  # type: ignore[operator]
        return [group for group in groups if group]
    patterns = _vgg_patterns(model) if type(model).__name__ == "VGG" else _THREE_GROUPS.get(type(model).__name__)
    if patterns is not None:
        first = [name for name in names if re.match(patterns[0], name)]
        second = [name for name in names if name not in first and re.match(patterns[1], name)]
        head = [name for name in names if name not in first and name not in second]
        return [group for group in (first, second, head) if group]
    if not hasattr(model, "group_matcher"):
        raise ConfigError(f"the model {type(model).__name__} has no group_matcher, so its layer groups are not known")
    from timm.models import group_parameters

    coarse = group_parameters(model, model.group_matcher(coarse=True))  # type: ignore[operator]
    groups = [list(coarse[key]) for key in sorted(coarse)]
    return _with_the_classifier_last(model, groups)


def _vgg_patterns(model: nn.Module) -> tuple[str, str]:
    """VGG's features are one flat list; the first group ends with the third of its five poolings.

    The two hidden layers before the classifier (fc1 and fc2, nine tenths of all weights) come with the pretrained
    weights and are no part of the head.
    """
    features: Any = model.get_submodule("features")
    pools = [i for i, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    cut = pools[2]
    first = "|".join(str(i) for i in range(cut))
    return rf"features\.({first})\.", r"(features|pre_logits)\."


def _with_the_classifier_last(model: nn.Module, groups: list[list[str]]) -> list[list[str]]:
    own = classifier_parameters(model)
    for i, group in enumerate(groups):
        if own & set(group):
            # a norm or a hidden layer that the model groups with its classifier is part of the head
            return [*groups[:i], *groups[i + 1 :], group] if len(groups) > 1 else _cut_off(group, own)
    return groups


def _cut_off(group: list[str], own: set[str]) -> list[list[str]]:
    return [[name for name in group if name not in own], [name for name in group if name in own]]


def classifiers(model: nn.Module) -> list[nn.Module]:
    """The model's classifying layers: one, or two for distilled models."""
    found = model.get_classifier()  # type: ignore[operator]
    return [layer for layer in (found if isinstance(found, (tuple, list)) else [found]) if layer is not None]


def classifier_parameters(model: nn.Module) -> set[str]:
    """The names of the classifying layers' parameters."""
    own = {id(parameter) for layer in classifiers(model) for parameter in layer.parameters()}
    return {name for name, parameter in model.named_parameters() if id(parameter) in own}


def spread_lr(lr: float | Sequence[float], ratio: float | None, groups: int, where: str) -> list[float]:
    """One learning rate a group, from the stem to the head.

    One number is for all groups, or with a ratio each group below the head learns that many times slower than the one
    above it. Two numbers are spread geometrically. A longer list has one number a group.

    Raises:
        ConfigError: the list's length is not the number of groups, which the message says.
    """
    if not isinstance(lr, Sequence) or len(lr) == 1:
        top = float(lr[0] if isinstance(lr, Sequence) else lr)
        return [top / (ratio or 1.0) ** (groups - 1 - i) for i in range(groups)]
    if len(lr) == groups:
        return [float(value) for value in lr]
    if len(lr) == 2:
        low, high = lr
        return [float(low * (high / low) ** (i / (groups - 1))) if groups > 1 else float(high) for i in range(groups)]
    raise ConfigError(
        f"{where}: lr: has {len(lr)} numbers; the model has {groups} layer groups",
        remedy="Give one number a group, two (spread geometrically), or one with lr_ratio:.",
    )


@dataclass
class Freezing:
    """Which parameters learn in a phase, and the BatchNorm layers that stand still with the frozen ones."""

    model: nn.Module
    still: list[nn.Module] = field(default_factory=list)

    def train(self) -> None:
        """Training mode, but for the BatchNorm of frozen layers, whose statistics must not drift."""
        self.model.train()
        for layer in self.still:
            layer.eval()


def learning_groups(train: Literal["head", "all"] | int, groups: int) -> int:
    """How many groups learn, counted from the head."""
    return train if isinstance(train, int) else {"head": 1, "all": groups}[train]


def freeze(
    model: nn.Module,
    groups: list[list[str]],
    train: Literal["head", "all"] | int,
    *,
    train_bn: bool,
    where: str = "phase",
) -> Freezing:
    """Let the last groups learn and freeze the others.

    Args:
        train: the head alone, all, or the last N groups.
        train_bn: BatchNorm of frozen layers goes on learning: its weights and its statistics.

    Raises:
        ConfigError: more groups asked for than the model has.
    """
    count = learning_groups(train, len(groups))
    if count > len(groups):
        raise ConfigError(f"{where}: train: {count}; the model has {len(groups)} layer groups")
    learning = {name for group in groups[len(groups) - count :] for name in group}
    still: list[nn.Module] = []
    norms: set[str] = set()
    for prefix, layer in model.named_modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            own = {f"{prefix}.{name}" for name, _ in layer.named_parameters(recurse=False)}
            norms |= own
            if not train_bn and count < len(groups) and not own & learning:
                still.append(layer)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in learning or (train_bn and name in norms))
    return Freezing(model, still)
