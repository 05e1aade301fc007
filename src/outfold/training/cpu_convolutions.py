"""Convolutions that oneDNN computes many times slower on a CPU than need be, computed another way.

Two of them cost small images and mobile networks most of a training step (torch 2.15, AVX-512 and AMX):

- many channels on a map of a few pixels, such as the last blocks of a ResNet on 64 px images: as one matrix product
  over the patches (im2col; Chellapilla et al., "High performance convolutional neural networks for document
  processing", 2006), 5 to 7 times faster forward and backward on 2 x 2 pixels;
- in bf16, the input gradient of a depthwise convolution with a stride: in float32, up to 40 times faster.

``benchmarks/cpu_convolutions.py`` measures both. The numbers differ from oneDNN's by rounding alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.overrides import TorchFunctionMode

FEW_PIXELS = 16
"""A map of at most so many pixels is small ..."""

MANY_CHANNELS = 256 * 256
"""... where at least so many pairs of an input and an output channel meet on it."""


class CpuConvolutions(TorchFunctionMode):
    """Within it, ``conv2d`` of tensors on the CPU takes the faster way; all else is as it was."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.conv2d and not torch.compiler.is_compiling():
            return conv2d(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """``torch.conv2d``, the same arguments and the same result up to rounding."""
    strides, dilations = _pair(stride), _pair(dilation)
    if input.device.type != "cpu" or input.ndim != 4 or isinstance(padding, str) or dilations != (1, 1):
        return torch.conv2d(input, weight, bias, stride, padding, dilation, groups)
    pads = _pair(padding)
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else input.dtype
    if groups == 1 and _is_small(input, weight, strides, pads):
        result = _Patches.apply(input.to(dtype), weight.to(dtype), strides, pads)
        return result if bias is None else result + bias.to(dtype)[:, None, None]
    if groups == input.shape[1] and max(strides) > 1 and dtype is torch.bfloat16 and input.requires_grad:
        with torch.autocast("cpu", enabled=False):
            wide = None if bias is None else bias.float()
            return torch.conv2d(input.float(), weight.float(), wide, strides, pads, 1, groups).to(dtype)
    return torch.conv2d(input, weight, bias, strides, pads, 1, groups)


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


def _is_small(input: Tensor, weight: Tensor, strides: tuple[int, int], pads: tuple[int, int]) -> bool:
    outputs, inputs, *kernel = weight.shape
    height, width = (_out(*sizes) for sizes in zip(input.shape[2:], kernel, strides, pads, strict=True))
    return max(kernel) > 1 and inputs * outputs >= MANY_CHANNELS and 0 < height * width <= FEW_PIXELS


def _out(size: int, kernel: int, stride: int, pad: int) -> int:
    return (size + 2 * pad - kernel) // stride + 1


class _Patches(torch.autograd.Function):
    """A convolution as the product of the input's patches (n * oh * ow, kh * kw * c) and the weights."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, strides: tuple[int, int], pads: tuple[int, int]) -> Tensor:
        n, channels, height, width = input.shape
        outputs, _, kh, kw = weight.shape
        oh, ow = _out(height, kh, strides[0], pads[0]), _out(width, kw, strides[1], pads[1])
        padded = functional.pad(input.permute(0, 2, 3, 1), (0, 0, pads[1], pads[1], pads[0], pads[0]))
        windows = padded.unfold(1, kh, strides[0]).unfold(2, kw, strides[1])
        patches = windows.permute(0, 1, 2, 4, 5, 3).reshape(n * oh * ow, kh * kw * channels)
        ctx.save_for_backward(patches, weight)
        ctx.shape, ctx.out, ctx.strides, ctx.pads = input.shape, (oh, ow), strides, pads
        return functional.linear(patches, _flat(weight)).view(n, oh, ow, outputs).permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        patches, weight = ctx.saved_tensors
        outputs, channels, kh, kw = weight.shape
        flat = gradient.permute(0, 2, 3, 1).reshape(-1, outputs)
        of_input = of_weight = None
        if ctx.needs_input_grad[0]:
            of_input = _added_up(flat @ _flat(weight), (kh, kw), ctx.shape, ctx.out, ctx.strides, ctx.pads)
        if ctx.needs_input_grad[1]:
            of_weight = (flat.t() @ patches).view(outputs, kh, kw, channels).permute(0, 3, 1, 2)
        return of_input, of_weight, None, None


def _flat(weight: Tensor) -> Tensor:
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)


def _added_up(
    patches: Tensor,
    kernel: tuple[int, int],
    shape: Sequence[int],
    out: tuple[int, int],
    strides: tuple[int, int],
    pads: tuple[int, int],
) -> Tensor:
    """The patches added up where they came from: (n, c, h, w)."""
    n, channels, height, width = shape
    (oh, ow), (sh, sw), (ph, pw) = out, strides, pads
    split = patches.view(n, oh, ow, *kernel, channels)
    total = patches.new_zeros(n, height + 2 * ph, width + 2 * pw, channels)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            total[:, i : i + sh * oh : sh, j : j + sw * ow : sw] += split[:, :, :, i, j]
    return total[:, ph : ph + height, pw : pw + width].permute(0, 3, 1, 2)
