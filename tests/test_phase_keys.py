"""Every key of a phase changes what the engine is told to do; a key that is not listed here fails."""

from __future__ import annotations

from typing import Any

import pytest

from outfold.config.image import ImagePhase, ImagePipeline
from outfold.config.phase import Phase
from outfold.config.tabular import TabularPhase, TabularPipeline
from outfold.training.recipe import plan_phases

CYCLES, EPOCHS = {"cycles": 2, "train": 2}, {"epochs": 2, "train": 2}
HEAD = {"cycles": 2, "train": "head"}
CHANGES: dict[str, tuple[dict[str, Any], Any]] = {
    "train": (CYCLES, "all"),
    "epochs": (EPOCHS, 3),
    "schedule": (EPOCHS, "cosine"),
    "cycles": (CYCLES, 3),
    "cycle_len": (CYCLES, 2),
    "cycle_mult": (CYCLES, 2),
    "warmup": (CYCLES, 0.5),
    "lr": (CYCLES, 0.5),
    "lr_ratio": (CYCLES, 3),
    "data": (CYCLES, 0.5),
    "sampling": (CYCLES, "balanced"),
    "batch_size": (CYCLES, 7),
    "accumulate": (CYCLES, 2),
    "weight_decay": (CYCLES, 0.3),
    "momentum": (EPOCHS, 0.8),
    "dropout": (CYCLES, 0.35),
    "label_smoothing": (CYCLES, 0.1),
    "clip_grad": (CYCLES, 1.0),
    "train_bn": (CYCLES, True),
    "ema": (CYCLES, 0.9),
    "swa": (CYCLES, True),
    "snapshots": (CYCLES, True),
    "precompute": (HEAD, True),
    "size": (CYCLES, 64),
    "augment": (CYCLES, "top_down"),
    "strength": (CYCLES, 2.0),
    "mixup": (CYCLES, 0.4),
    "cutmix": (CYCLES, 1.0),
    "erase": (CYCLES, 0.2),
}


def plan(model: type[ImagePipeline | TabularPipeline], phase: dict[str, Any]) -> Any:
    learner = "image" if model is ImagePipeline else "tabular"
    return plan_phases(model.model_validate({"learner": learner, "phases": [phase]}), 640, "a.yaml")


def test_every_key_of_a_phase_is_listed() -> None:
    assert set(CHANGES) == set(ImagePhase.model_fields) >= set(TabularPhase.model_fields) >= set(Phase.model_fields)


@pytest.mark.parametrize("key", CHANGES)
def test_every_key_of_a_phase_changes_the_plan(key: str) -> None:
    base, value = CHANGES[key]
    assert plan(ImagePipeline, base) != plan(ImagePipeline, {**base, key: value})
    if key in TabularPhase.model_fields:
        assert plan(TabularPipeline, base) != plan(TabularPipeline, {**base, key: value})
