"""Voting: every model on every variant of a batch, which is read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from outfold.training.losses import Loss


def tta_weights(n: int, beta: float | None) -> list[float]:
    """The weight of the original and of each of ``n`` augmented passes; they sum to 1.

    Args:
        beta: weight of the original; None: every pass weighs the same.
    """
    if n == 0:
        return [1.0]
    original = 1 / (n + 1) if beta is None else beta
    return [original, *[(1 - original) / n] * n]


def vote(
    models: Sequence[nn.Module],
    losses: Sequence[Loss],
    batches: Iterable[Iterable[Tensor]],
    weights: Sequence[float],
    average: Literal["probabilities", "logits"],
    advance: Callable[[int], None],
    run: Callable[[nn.Module, Tensor], Tensor] = nn.Module.__call__,
) -> list[NDArray[np.float32]]:
    """Predictions of each model, averaged over the variants.

    Args:
        models: in eval mode, on the batches' device.
        losses: of each model: turns its outputs into predictions.
        batches: of each batch its variants, the original first, as many as there are weights, made when asked for.
        average: what is averaged over the variants.
        advance: told the number of rows after each batch.
        run: a model on a batch; :class:`outfold.training.oom.Pieces` goes on where one is too large.

    Returns:
        For each model (n, outputs) float32, in the order of the batches.
    """
    parts: list[list[NDArray[np.float32]]] = [[] for _ in models]
    with torch.inference_mode():
        for variants in batches:
            sums: list[Tensor | None] = [None] * len(models)
            rows = 0
            for images, weight in zip(variants, weights, strict=True):
                rows = len(images)
                for i, (model, loss) in enumerate(zip(models, losses, strict=True)):
                    outputs = run(model, images).float()
                    part = weight * (loss.predictions(outputs) if average == "probabilities" else outputs)
                    before = sums[i]
                    sums[i] = part if before is None else before + part
            for i, total in enumerate(sums):
                assert total is not None
                final = total if average == "probabilities" else losses[i].predictions(total)
                parts[i].append(final.cpu().numpy())
            advance(rows)
    return [np.concatenate(part).astype(np.float32, copy=False) for part in parts]
