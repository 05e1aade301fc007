"""What is shown of a network's outputs on the rows that are watched."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from outfold.metrics import Metric
from outfold.training.losses import Loss


def figures(loss: Loss, metric: Metric, outputs: Tensor, targets: Tensor, truth: NDArray) -> dict[str, float]:
    """``valid_loss`` and the contest's metric.

    Args:
        outputs: (n, width) float32.
        targets: (n, ...) as the loss has them, on the same device.
        truth: (n, ...) as the contest has it.
    """
    plain = loss.plain()
    predicted = plain.predictions(outputs).cpu().numpy()
    finite = np.isfinite(predicted).all()
    return {
        "valid_loss": float(plain.rows(outputs, targets).mean()),
        metric.name: metric.score(truth, predicted) if finite else float("nan"),
    }
