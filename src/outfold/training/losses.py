"""The loss and the activation that belong to a task; the loss owns both, so that they never disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from outfold.config.competition import Task
from outfold.metrics import PER_CLASS


def class_log_probabilities(outputs: Tensor) -> Tensor:
    """The logarithm of each class's probability, (n, K) float32, from K - 1 conditional logits (Shi et al. 2021).

    Logit k says how likely a row that is above class k - 1 is above class k, too, so that
    ``P(y > k) = sigmoid(z_0) ... sigmoid(z_k)``. Whatever the logits are, that falls with k, and the differences are
    probabilities: ``log P(y = k) = sum_{j < k} log sigmoid(z_j) + log sigmoid(-z_k)``, without the last term for the
    last class. Minus that of a row's own class is the sum of its binary cross entropies in the conditional tasks that
    it takes part in: the paper's loss, but for a constant (the paper divides by all pairs of row and task, and here
    every row counts the same).

    Args:
        outputs: (n, K - 1), of any float type.
    """
    outputs = outputs.float()
    above = functional.logsigmoid(outputs).cumsum(dim=1)
    edge = outputs.new_zeros(len(outputs), 1)
    return torch.cat([edge, above], dim=1) + torch.cat([functional.logsigmoid(-outputs), edge], dim=1)


_TINY = 1e-6
"""Powers of less than 1 have an infinite slope at 0."""
MARGIN = 0.05
"""A negative of the asymmetric loss that is less probable than this costs nothing."""


def focal_classes(outputs: Tensor, y: Tensor, gamma: float, smoothing: float, weights: Tensor | None) -> Tensor:
    """Focal loss of classes, (n,): ``-sum_k w_k q_k (1 - p_k)^gamma log p_k`` (Lin et al. 2017, equation 4).

    Args:
        outputs: (n, classes) float32 logits.
        y: (n,) classes, or distributions over them (n, classes); q is that (one-hot for a class), moved towards the
            uniform distribution by ``smoothing``.
        weights: (classes,)
    """
    log_p = functional.log_softmax(outputs, dim=1)
    classes = outputs.shape[1]
    q = (y if y.ndim == 2 else functional.one_hot(y, classes)) * (1 - smoothing) + smoothing / classes
    each = -q * (1 - log_p.exp()).clamp_min(_TINY).pow(gamma) * log_p
    return (each if weights is None else each * weights).sum(dim=1)


def focal_labels(outputs: Tensor, q: Tensor, gamma: float) -> Tensor:
    """Focal loss of yes/no targets, (n, labels): ``-q (1 - p)^gamma log p - (1 - q) p^gamma log(1 - p)``."""
    p = outputs.sigmoid().clamp(_TINY, 1 - _TINY)
    yes = q * (1 - p).pow(gamma) * functional.logsigmoid(outputs)
    no = (1 - q) * p.pow(gamma) * functional.logsigmoid(-outputs)
    return -(yes + no)


def asymmetric(outputs: Tensor, q: Tensor, gamma: float) -> Tensor:
    """Asymmetric loss of labels, (n, labels) (Ridnik et al. 2021): ``-q log p - (1 - q) p_m^gamma log(1 - p_m)``.

    ``p_m = max(p - .05, 0)``: easy negatives are left out, the others are looked at the less the easier they are.
    """
    shifted = (outputs.sigmoid() - MARGIN).clamp_min(_TINY)
    no = (1 - q) * shifted.pow(gamma) * torch.log1p(-shifted)
    return -(q * functional.logsigmoid(outputs) + no)


LossName = Literal["focal", "asymmetric"]
GAMMA: dict[LossName, float] = {"focal": 2.0, "asymmetric": 4.0}
"""The papers' values."""
WIDER = 0.05
"""How far the ends of a sigmoid lie beyond the range of a target, as a share of the range."""


@dataclass(frozen=True)
class Loss:
    """A task's loss, a row at a time, and what turns the model's outputs into predictions.

    Attributes:
        task: binary (one logit), multiclass, ordinal (a logit between each class and the next), multilabel (a logit a
            label), regression (a value a target).
        smoothing: label smoothing: the targets move this far towards the uniform distribution.
        weights: multiclass and ordinal: (classes,); binary and multilabel: (2, labels), of the zeros and of the ones.
            Their mean over the training rows is 1, so that the size of the steps stays as it was.
        name: focal or asymmetric in place of the cross entropy, with ``gamma``.
        center, scale: (targets,): a regression's targets are learnt as (y - center) / scale.
        ends: (2, targets) or (2, 1): a regression's outputs go through a sigmoid that is scaled to lie between them.
        weighted: the targets are those of :func:`outfold.training.losses.soft_targets`, with a weight a row.
    """

    task: Task
    smoothing: float = 0.0
    weights: Tensor | None = None
    center: Tensor = field(default_factory=lambda: torch.zeros(1))
    scale: Tensor = field(default_factory=lambda: torch.ones(1))
    name: LossName | None = None
    gamma: float = 0.0
    ends: Tensor | None = None
    weighted: bool = False

    @classmethod
    def for_rows(cls, task: Task, y: NDArray, outputs: int, *, smoothing: float = 0.0, balanced: bool = False) -> Loss:
        """The loss for the training part of a fold: class weights or the targets' mean and spread are taken from it.

        Args:
            y: the fold's training targets as the contest has them.
            outputs: number of classes, labels or targets.
        """
        if task == "regression":
            table = np.asarray(y, np.float64).reshape(len(y), -1)
            scale = table.std(axis=0)
            scale[scale == 0] = 1.0  # a constant target: nothing to learn but its value
            center, spread = torch.from_numpy(table.mean(axis=0)).float(), torch.from_numpy(scale).float()
            return cls(task, center=center, scale=spread)
        return cls(task, smoothing, _balance(task, y, outputs) if balanced else None)

    def plain(self) -> Loss:
        """Without smoothing and weights: what validation reports."""
        return replace(self, smoothing=0.0, weights=None, name=None)

    def named(self, name: LossName | None, gamma: float | None) -> Loss:
        """The same as a focal or asymmetric loss; ``gamma`` None is the paper's."""
        return self if name is None else replace(self, name=name, gamma=GAMMA[name] if gamma is None else gamma)

    def within(self, ranges: Sequence[Sequence[float]]) -> Loss:
        """The same for targets of a known range, [lowest, highest] of each or of all; none given changes nothing.

        A sigmoid never reaches its ends, so that they lie :data:`WIDER` of the range beyond it on either side.
        """
        if not ranges:
            return self
        low, high = torch.tensor(ranges, dtype=torch.float32).T
        spare = WIDER * (high - low)
        return replace(self, ends=torch.stack([low - spare, high + spare]))

    def to(self, device: torch.device) -> Loss:
        """The same on another device."""
        weights = None if self.weights is None else self.weights.to(device)
        ends = None if self.ends is None else self.ends.to(device)
        return replace(self, weights=weights, center=self.center.to(device), scale=self.scale.to(device), ends=ends)

    def rows(self, outputs: Tensor, y: Tensor) -> Tensor:
        """The loss of each row, (n,) float32.

        Args:
            outputs: (n, :func:`width`) logits or standardised values, of any float type.
            y: as :meth:`targets` gives them.
        """
        if self.weighted:
            return y[:, -1] * replace(self, weighted=False).rows(outputs, y[:, :-1])
        outputs = self._logits(outputs)
        if self.task in PER_CLASS:
            if self.name == "focal":
                return focal_classes(outputs, y, self.gamma, self.smoothing, self.weights)
            return functional.cross_entropy(
                outputs, y, weight=self.weights, reduction="none", label_smoothing=self.smoothing
            )
        if self.task == "regression":
            wanted = (y - self.center) / self.scale
            return functional.mse_loss(self._standardised(outputs), wanted, reduction="none").mean(dim=1)
        smooth = y * (1 - self.smoothing) + self.smoothing / 2
        if self.name == "focal":
            each = focal_labels(outputs, smooth, self.gamma)
        elif self.name == "asymmetric":
            each = asymmetric(outputs, smooth, self.gamma)
        else:
            each = functional.binary_cross_entropy_with_logits(outputs, smooth, reduction="none")
        if self.weights is not None:
            each = each * torch.where(y > 0.5, self.weights[1], self.weights[0])
        return each.mean(dim=1)

    def predictions(self, outputs: Tensor) -> Tensor:
        """Probabilities, or values in the targets' own units; float32."""
        outputs = self._logits(outputs)
        if self.task in PER_CLASS:
            return outputs.softmax(dim=1)
        if self.task == "regression":
            return self._standardised(outputs) * self.scale + self.center
        return outputs.sigmoid()

    def _logits(self, outputs: Tensor) -> Tensor:
        """A network's outputs in float32; of ordered classes, their log-probabilities, which softmax leaves alone."""
        return class_log_probabilities(outputs) if self.task == "ordinal" else outputs.float()

    def _standardised(self, outputs: Tensor) -> Tensor:
        """A regression's outputs as standardised values."""
        if self.ends is None:
            return outputs
        low, high = self.ends
        return (low + (high - low) * outputs.sigmoid() - self.center) / self.scale

    def targets(self, y: NDArray) -> Tensor:
        """The contest's targets as :meth:`rows` wants them: int64 (n,) for classes, float32 (n, outputs) otherwise."""
        if self.task in PER_CLASS:
            return torch.from_numpy(np.array(y, dtype=np.int64))
        return torch.from_numpy(np.array(y, dtype=np.float32).reshape(len(y), -1))


def width(task: Task, outputs: int) -> int:
    """How many numbers a network gives for a target: its outputs, or one less for ordered classes."""
    return outputs - 1 if task == "ordinal" else outputs


def _balance(task: Task, y: NDArray, outputs: int) -> Tensor:
    """Weights under which each class counts the same: n / (classes * count), as scikit-learn's ``balanced``."""
    if task in PER_CLASS:
        count = np.bincount(np.asarray(y), minlength=outputs)
        seen = np.maximum(count, 1)
        return torch.from_numpy(len(y) / ((count > 0).sum() * seen)).float()
    ones = np.asarray(y, np.float64).reshape(len(y), -1).sum(axis=0)
    counts = np.stack([len(y) - ones, ones])
    weights = len(y) / (2 * np.maximum(counts, 1))
    weights[:, (counts == 0).any(axis=0)] = 1.0  # a label that all rows share, or none has: nothing to balance
    return torch.from_numpy(weights).float()


def soft_targets(loss: Loss, y: NDArray, taught: NDArray[np.float32], weight: float) -> Tensor:
    """Targets as a loss that is ``weighted`` wants them: (n + m, outputs + 1) float32, the last column the weights.

    Args:
        y: (n, ...) the contest's own targets; of classes they become certain distributions. Each row weighs 1.
        taught: (m, outputs) distributions over the classes, probabilities of labels, or values.
        weight: of each of these.
    """
    own = loss.targets(y)
    if own.ndim == 1:
        own = functional.one_hot(own, taught.shape[1]).float()
    values = torch.cat([own, torch.from_numpy(taught)])
    weights = torch.ones(len(values), 1)
    weights[len(own) :] = weight
    return torch.cat([values, weights], dim=1)
