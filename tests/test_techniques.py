"""Every technique of training has a key by its name, a word in the docs, and an example that uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import REPO
from ruamel.yaml import YAML

from outfold.config.image import ImagePipeline
from outfold.config.load import load_pipeline

PIPELINES = sorted((REPO / "examples").glob("*/pipelines/*.yaml"))
PAGES = [REPO / "docs" / name for name in ("training.md", "vision.md")]


def said(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Keys with their values as text, wherever they lie: ``phases.lr`` and ``find``, ``tta.views`` and ``flips``."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield path, str(key)
            yield from said(inner, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from said(inner, path)
    else:
        yield path, str(value)


def used() -> set[tuple[str, str]]:
    """What the examples' networks ask for; schedules with the name that a phase has them by when it names none."""
    found: set[tuple[str, str]] = set()
    for path in PIPELINES:
        config = load_pipeline(path)
        if isinstance(config, ImagePipeline):
            found |= set(said(YAML(typ="safe").load(path), ""))
            found |= {("phases.schedule", phase.kind) for phase in config.phases}
    return found


KEYS = [
    *("phases." + key for key in ("precompute", "size", "data", "lr_ratio", "train_bn", "snapshots", "swa", "warmup")),
    *("phases." + key for key in ("cycles", "cycle_len", "cycle_mult")),
    *("phases." + key for key in ("weight_decay.to", "momentum.to", "dropout.to", "label_smoothing.to", "strength.to")),
    *("ps", "erase", "drop_path", "ema", "class_weight", "clip_grad", "target_range", "accumulate"),
    *("pseudo.confidence", "tta.beta", "tta.average", "augment.albumentations", "phases.mixup", "phases.cutmix.to"),
]
VALUES = {
    "phases.train": ["head", "all", "2"],
    "phases.lr": ["find"],
    "phases.batch_size": ["auto"],
    "phases.schedule": ["sgdr", "one_cycle", "slanted_triangular", "flat_cosine", "constant"],
    "head": ["concat_pool", "spp"],
    "augment": ["side_on", "top_down", "crop"],
    "tta.views": ["flips", "dihedral", "crops", "scales"],
    "loss": ["focal", "asymmetric"],
    "sampling": ["balanced"],
    "weights": ["pretrained", "none"],
    "resize": ["native"],
}


WORDS = {key.removesuffix(".to").rpartition(".")[2] for key in [*KEYS, *VALUES]} | set(VALUES["phases.schedule"])


@pytest.mark.parametrize("key", KEYS)
def test_an_example_uses_the_key(key: str) -> None:
    assert key in {path for path, _ in used()}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in VALUES.items() for value in values])
def test_an_example_uses_the_value(key: str, value: str) -> None:
    assert (key, value) in used()


@pytest.mark.parametrize("word", sorted(WORDS))
def test_the_pages_explain_it(word: str) -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert re.search(rf"`{word}`|\b{word}:", text)
