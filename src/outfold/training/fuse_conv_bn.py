"""Batch normalisation folded into the convolutions before it: a network that only predicts does without."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.overrides import TorchFunctionMode

TOLERANCE = 1e-3
"""Of the greatest output: what rounding may change. A fold that changes more is not made."""


def folded(model: nn.Module, example: Tensor) -> nn.Module:
    """The same function, faster: each norm whose input one convolution makes, for it alone, is folded into that one.

    A norm in eval mode is a scale and a shift a channel, which the convolution's weights and bias take in. Which norm
    follows which convolution is seen on an example, and the result is compared on it.

    Args:
        model: in eval mode; it is changed.
        example: inputs that it takes.

    Returns:
        The model, folded; or as it was, where folding would change what it predicts.
    """
    pairs = _pairs(model, example)
    if not pairs:
        return model
    before = copy.deepcopy(model)
    with torch.inference_mode():
        wanted = model(example)
    with torch.no_grad():
        for conv, name, norm in pairs:
            mean, variance = norm.running_mean, norm.running_var
            assert mean is not None and variance is not None, "it tracks its statistics"
            conv.weight, conv.bias = fuse_conv_bn_weights(
                conv.weight, conv.bias, mean, variance, norm.eps, norm.weight, norm.bias
            )
            model.set_submodule(name, _after(norm))
        model.requires_grad_(False)
    with torch.inference_mode():
        same = torch.allclose(model(example), wanted, rtol=TOLERANCE, atol=TOLERANCE * float(wanted.abs().max()))
    return model if same else before


def _after(norm: nn.Module) -> nn.Module:
    """What a norm does beside: timm's own ones end with an activation."""
    rest = [part for part in (getattr(norm, "drop", None), getattr(norm, "act", None)) if part is not None]
    return nn.Sequential(*rest) if rest else nn.Identity()


class _Uses(TorchFunctionMode):
    """How often each tensor is an argument of a function of torch."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[int] = Counter()
        # an identity is a tensor's own only as long as the tensor lives
        self._alive: list[Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        # the shape, or the number of dimensions, is no use of the numbers
        if _tensors([result]):
            given = _tensors([*args, *(kwargs or {}).values()])
            self.counts.update(map(id, given))
            self._alive += given
        return result


def _tensors(values: Sequence[Any]) -> list[Tensor]:
    flat = [one for value in values for one in (value if isinstance(value, list | tuple) else [value])]
    return [one for one in flat if isinstance(one, Tensor)]


def _pairs(model: nn.Module, example: Tensor) -> list[tuple[nn.Conv2d, str, nn.BatchNorm2d]]:
    """Each convolution that feeds one norm and nothing else, with that norm and its name."""
    made: dict[int, nn.Conv2d] = {}
    fed: list[tuple[Tensor, str, nn.BatchNorm2d]] = []
    calls: Counter[nn.Module] = Counter()

    def after_conv(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d)
        calls[layer] += 1
        made[id(output)] = layer

    hooks = []
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d):
            hooks.append(layer.register_forward_hook(after_conv))
        if isinstance(layer, nn.BatchNorm2d) and layer.track_running_stats:

            def before_norm(layer: nn.Module, inputs: tuple[Tensor, ...], name: str = name) -> None:
                assert isinstance(layer, nn.BatchNorm2d)
                calls[layer] += 1
                fed.append((inputs[0], name, layer))

            hooks.append(layer.register_forward_pre_hook(before_norm))
    try:
        with torch.inference_mode(), _Uses() as uses:
            model(example)
    finally:
        for hook in hooks:
            hook.remove()
    return [
        (made[id(tensor)], name, norm)
        for tensor, name, norm in fed
        if id(tensor) in made and uses.counts[id(tensor)] == 1 and calls[norm] == calls[made[id(tensor)]] == 1
    ]
