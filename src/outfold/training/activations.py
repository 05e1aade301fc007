"""A network cut before its head: what the head sees, computed once, and the head learning from it alone."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from outfold.errors import ConfigError
from outfold.training.heads import PoolHead
from outfold.training.layer_groups import classifiers

VERSION = 1
"""Raised when the same weights and images would give other activations."""


class HeadAlone(nn.Module):
    """The classifier (or the head that stands in its place) of a model, sharing its weights: activations to outputs."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.head = classifiers(model)[0]

    def forward(self, activations: Tensor) -> Tensor:
        """Outputs (n, outputs) of what :func:`activations` gave."""
        # a classifier may be a convolution of one pixel
        return self.head(activations).flatten(1)


def activations(model: nn.Module, images: Tensor) -> Tensor:
    """What the head gets of these images, (n, ...): of a head of ours, what its pooling gave. In eval mode."""
    with _listening(model) as heard:
        model(images)
    return heard[-1]


@contextlib.contextmanager
def _listening(model: nn.Module) -> Iterator[list[Tensor]]:
    heard: list[Tensor] = []
    head = classifiers(model)[0]
    if isinstance(head, PoolHead):
        handle = head.pool.register_forward_hook(lambda layer, inputs, output: heard.append(output))
    else:
        handle = head.register_forward_pre_hook(lambda layer, inputs: heard.append(inputs[0]))
    try:
        yield heard
    finally:
        handle.remove()


def backbone_hash(model: nn.Module) -> str:
    """SHA-256 (hex) of all weights and statistics but the head's, and of how a head of ours pools."""
    head = classifiers(model)[0]
    own = {f"{prefix}." for prefix, layer in model.named_modules() if layer is head}
    digest = hashlib.sha256(f"{VERSION} {type(getattr(head, 'pool', None)).__name__}".encode())
    for name, value in model.state_dict().items():
        if not name.startswith(tuple(own)):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def check_cut(model: nn.Module, channels: int, size: int, where: str) -> None:
    """Raises ConfigError for a model whose outputs are not what its head makes of the activations."""
    model.eval()
    pixels = torch.linspace(-1, 1, channels * size * size).reshape(1, channels, size, size)
    with torch.inference_mode():
        whole = model(pixels)
        cut = len(classifiers(model)) == 1 and torch.allclose(
            HeadAlone(model).eval()(activations(model, pixels)), whole, rtol=1e-3, atol=1e-4
        )
    if not cut:
        raise ConfigError(
            f"{where}: precompute: {type(model).__name__} does not end in one classifier that can be trained alone",
            remedy="Leave precompute: out of this phase.",
        )
