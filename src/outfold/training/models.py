"""A timm model for a task: by name, with random, downloaded or own weights, its classifier and channels adapted."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch
from torch import Tensor, nn
from torch.nn import functional

from outfold.errors import ConfigError, nearest
from outfold.training.dropout import DropLinear
from outfold.training.heads import HeadName, PoolHead, replace_head
from outfold.training.layer_groups import classifiers


@contextlib.contextmanager
def offline_where_unreachable() -> Iterator[None]:
    """Inside the block, the hub's client reads from its cache alone where the hub's name has no address.

    Left to itself, it asks again and again, for most of a minute and aloud, before it looks into its cache. Behind a
    proxy, which knows the names, nothing is changed.
    """
    from huggingface_hub import constants

    said = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = said or not _reachable(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = said


def is_missing(error: Exception) -> bool:
    """Whether the hub could not be reached and its cache did not have the file either."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    return isinstance(error, LocalEntryNotFoundError)


def _reachable(address: str) -> bool:
    parts = urlsplit(address)
    if {parts.scheme, "all"} & getproxies().keys():
        return True
    try:
        socket.getaddrinfo(parts.hostname, parts.port or parts.scheme)
    except OSError:
        return False
    return True


DROP_PATH = "drop_path_rate"
"""timm's name for the rate of stochastic depth."""


@dataclass(frozen=True)
class ModelSpec:
    """What is needed to build the model again.

    Attributes:
        name: timm's.
        outputs: logits or values.
        channels: of the images.
        size: pixels a side; only models with a fixed input size depend on it.
        args: further keyword arguments for timm's ``create_model``.
        where: the pipeline's file, for messages.
        head: timm's own, or one of :mod:`outfold.training.heads`.
    """

    name: str
    outputs: int
    channels: int
    size: int
    args: Mapping[str, Any]
    where: str
    head: HeadName = "timm"


def check_model_name(name: str, where: str) -> None:
    """Raises ConfigError, with the nearest names, for a model that timm does not have."""
    import timm

    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        hint = nearest(architecture, timm.list_models())
        raise ConfigError(
            f"{where}: model: '{name}' is not a timm model" + (f"; {hint}" if hint else ""),
            remedy="`python -c 'import timm; print(*timm.list_models(), sep=\"\\n\")'` lists them all.",
        )
    if tag:
        known = [full.partition(".")[2] for full in timm.list_pretrained(f"{architecture}.*")]
        if tag not in known:
            raise ConfigError(f"{where}: model: {architecture} has no weights '{tag}'; it has {', '.join(known)}")


def build_model(spec: ModelSpec, weights: str, root: Path) -> nn.Module:
    """The model in float32 on the CPU, channels last; what is random in it comes from torch's generator.

    Args:
        weights: ``none``, ``pretrained``, or a file of weights relative to ``root``.

    Raises:
        ConfigError: no such model, file or argument; no way to download; a file or a head that does not fit.
    """
    import timm

    check_model_name(spec.name, spec.where)
    options: dict[str, Any] = {"num_classes": spec.outputs, "in_chans": spec.channels, **spec.args}
    config = timm.get_pretrained_cfg(spec.name, allow_unregistered=True)
    if config is not None and config.fixed_input_size:
        options["img_size"] = spec.size
    if weights not in ("none", "pretrained"):
        options["pretrained_cfg_overlay"] = _from_file(spec, weights, root)
    try:
        with offline_where_unreachable() if weights == "pretrained" else nullcontext():
            model = timm.create_model(spec.name, pretrained=weights != "none", **options)
    except TypeError as error:
        if DROP_PATH in str(error):
            raise _no_branches(spec) from None
        raise ConfigError(f"{spec.where}: timm_args: {spec.name} refuses {dict(spec.args)}: {error}") from None
    except Exception as error:
        raise _cannot_load(spec, weights, error) from error
    replace_head(model, spec.head, spec.channels, spec.outputs, spec.where)
    return model.to(memory_format=torch.channels_last)


def check_drop_path(model: nn.Module, spec: ModelSpec) -> None:
    """Raises ConfigError for a model that takes a rate of stochastic depth and has no branches to drop."""
    from timm.layers import DropPath

    if spec.args.get(DROP_PATH) and not any(isinstance(layer, DropPath) for layer in model.modules()):
        raise _no_branches(spec)


def _no_branches(spec: ModelSpec) -> ConfigError:
    return ConfigError(
        f"{spec.where}: drop_path: {spec.name} has no residual branches that could be left out",
        remedy="Leave drop_path: out; dropout: acts before the classifier of any model.",
    )


def check_sizes(model: nn.Module, spec: ModelSpec, shapes: Sequence[tuple[int, int]]) -> None:
    """Raises ConfigError for a height and width of images that the model cannot take."""
    model.eval()
    for height, width in shapes:
        try:
            with torch.inference_mode():
                model(torch.zeros(1, spec.channels, height, width))
        except (RuntimeError, AssertionError, ValueError) as error:
            key, pixels = ("size", height) if height == width else ("resize", f"{height} x {width}")
            raise ConfigError(
                f"{spec.where}: {key}: {spec.name} cannot take images of {pixels} pixels ({_first_line(error)})"
            ) from None


def _from_file(spec: ModelSpec, weights: str, root: Path) -> dict[str, Any]:
    """What timm must know to load a file: where it is, and how many classes and channels it was trained with."""
    import timm
    from timm.models import load_state_dict

    path = root / weights
    if not path.is_file():
        hint = nearest(weights, ["none", "pretrained"])
        raise ConfigError(
            f"{spec.where}: weights: {path}: no such file" + (f"; {hint}" if hint else ""),
            remedy="weights: takes none, pretrained, or a file (safetensors or a state dict), from the contest's root.",
        )
    try:
        state = load_state_dict(str(path), weights_only=True)
    except Exception as error:
        raise ConfigError(f"{spec.where}: weights: {path} is not a file of weights ({_first_line(error)})") from None
    overlay: dict[str, Any] = {"file": str(path)}
    config = timm.get_pretrained_cfg(spec.name, allow_unregistered=True)
    names = config.classifier if config is not None else None
    for name in [names] if isinstance(names, str) else names or []:
        if f"{name}.weight" in state:
            overlay["num_classes"] = state[f"{name}.weight"].shape[0]
    stem = config.first_conv if config is not None else None
    if isinstance(stem, str) and f"{stem}.weight" in state:
        channels = state[f"{stem}.weight"].shape[1]
        size = config.input_size[1:] if config is not None else (spec.size, spec.size)
        overlay["input_size"] = (channels, *size)
    return overlay


def _cannot_load(spec: ModelSpec, weights: str, error: Exception) -> ConfigError:
    told = _first_line(error)
    if weights == "none":
        return ConfigError(f"{spec.where}: model: timm cannot build {spec.name} with {spec.channels} channels: {told}")
    if weights == "pretrained":
        if is_missing(error):
            told = "their hub cannot be reached, and they were never fetched before"
        return ConfigError(
            f"{spec.where}: weights: pretrained: the weights of {spec.name} could not be downloaded ({told})",
            remedy="Without a network, bring the file yourself and say weights: path/to/it (safetensors or a state "
            "dict), or weights: none to start from random weights.",
        )
    return ConfigError(f"{spec.where}: weights: {weights} does not fit {spec.name}: {told}")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (" ".join(lines[:3]) if lines else type(error).__name__)[:300]


def normalisation(
    model: nn.Module, channels: int, mean: Sequence[float] | None, std: Sequence[float] | None
) -> tuple[list[float], list[float]]:
    """Mean and standard deviation a channel: those given, else the model's own; averaged for grey images."""
    config = getattr(model, "pretrained_cfg", None) or {}
    pair = [list(given or config.get(key) or default) for given, key, default in _sources(mean, std)]
    return tuple(  # type: ignore[return-value]
        values if len(values) == channels else [sum(values) / len(values)] * channels for values in pair
    )


def _sources(mean: Sequence[float] | None, std: Sequence[float] | None) -> list[tuple[Any, str, list[float]]]:
    return [(mean, "mean", [0.5]), (std, "std", [0.5])]


class HeadDropout:
    """Dropout before the classifier, for any timm model, at a rate that a phase may set; a head of ours has its own."""

    def __init__(self, model: nn.Module, rate: float = 0.0) -> None:
        self.rate = rate
        for layer in classifiers(model):
            layer.register_forward_pre_hook(self._drop)

    def _drop(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if isinstance(layer, PoolHead | DropLinear):
            layer.rate = self.rate
            return None
        if not self.rate or not layer.training:
            return None
        return (functional.dropout(inputs[0], self.rate), *inputs[1:])
