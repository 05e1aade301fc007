"""An epoch as it goes: its losses, times and speed, and the end of a training that has diverged."""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from outfold.errors import OutfoldError
from outfold.progress import Bar
from outfold.training.recipe import PhasePlan

_CHECK_EVERY = 20
"""The loss is looked at every so many steps, for on a GPU to look is to wait, and to tell takes time everywhere."""
_CHECK_AFTER = 0.1
"""On a CPU it is looked at after so many seconds, too."""


class Watch:
    """An epoch's losses, times and speed: what is shown, and what stops a training that has diverged."""

    def __init__(
        self, title: str, plan: PhasePlan, phases: int, epoch: int, first: int, device: torch.device, bar: Bar
    ) -> None:
        self.title, self.plan, self.phases, self.epoch = title, plan, phases, epoch
        self.first, self.bar = first, bar
        self.after = _CHECK_AFTER if device.type == "cpu" else math.inf
        self.losses: list[float] = []
        self.pending: list[Tensor] = []
        self.rows, self.weights, self.waited = 0, list[int](), 0.0
        self.began = self.checked = time.perf_counter()

    def add(self, loss: Tensor, group: list[NDArray[np.int64]]) -> None:
        self.pending.append(loss)
        self.weights.append(sum(map(len, group)))
        self.rows += self.weights[-1]
        if len(self.pending) >= _CHECK_EVERY or time.perf_counter() - self.checked > self.after:
            self.check()

    def check(self) -> None:
        """Look at the losses that have not been looked at."""
        if not self.pending:
            return
        self.checked = time.perf_counter()
        values = torch.stack(self.pending).tolist()
        for value in values:
            step = self.first + len(self.losses)
            if not math.isfinite(value):
                raise self._diverged(value, step)
            self.losses.append(value)
        count, self.pending = len(self.pending), []
        lr = self._top_lr(self.first + len(self.losses) - 1)
        self.bar.advance(
            count,
            phase=f"{self.plan.number}/{self.phases}",
            epoch=f"{self.epoch + 1}/{self.plan.epochs}",
            loss=f"{np.mean(self.losses[-20:]):.4f}",
            lr=f"{lr:.2g}",
            **{"img/s" if self.plan.size else "rows/s": f"{self.rows / (time.perf_counter() - self.began):.0f}"},
        )

    def _top_lr(self, step: int) -> float:
        top = self.plan.lr[-1] if isinstance(self.plan.lr, list) else self.plan.lr
        return top * self.plan.lr_scale(step)

    def _diverged(self, value: float, step: int) -> OutfoldError:
        return OutfoldError(
            f"{self.title}: the loss is {value} in phase {self.plan.number}, "
            f"epoch {self.epoch + 1}, step {step + 1} of the phase, at learning rate {self._top_lr(step):.3g}",
            remedy=f"Lower lr: in {self.plan.where}, or set clip_grad: 1 and warmup:. Members saved before are kept.",
        )

    def entry(self) -> dict[str, float]:
        seconds = time.perf_counter() - self.began
        return {
            "phase": self.plan.number,
            "epoch": self.epoch + 1,
            "step": self.first + len(self.losses),
            "loss": float(np.average(self.losses, weights=self.weights)),
            "lr": self._top_lr(self.first + len(self.losses) - 1),
            "rows": self.rows,
            "seconds": seconds,
            "images_per_s": self.rows / seconds,
            "waiting": self.waited / seconds,
        }

    @staticmethod
    def shown(entry: dict[str, float]) -> list[str]:
        hidden = {"phase", "epoch", "step", "loss", "lr", "rows", "seconds", "images_per_s", "waiting", "found_lr"}
        return [key for key in entry if key not in hidden]
