"""A run says how much of its time went into waiting for data."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from image_contest import digits_contest

import outfold
from outfold.data.images.batches import ImageSource
from outfold.progress import LineReporter
from outfold.runs.context import Context
from outfold.stages.split import split
from outfold.stages.train import train

PIPELINE = """\
learner: image
model: resnet10t
timm_args: {channels: [8, 16, 24, 32], stem_width: 8}
weights: none
size: 16
channels: 1
batch_size: 10
workers: 0
augment: none
phases: [{epochs: 1, lr: 1e-3}]
tta: 0
"""


def test_the_table_and_the_scores_say_how_long_steps_waited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = ImageSource.fetch

    def slowly(self: ImageSource, rows: np.ndarray) -> torch.Tensor:
        time.sleep(pause)
        return fetch(self, rows)

    monkeypatch.setattr(ImageSource, "fetch", slowly)
    digits_contest(tmp_path, train=40, test=5, folds={"n": 2})
    told: dict[str, float] = {}
    for name, pause in (("fast", 0.0), ("slow", 0.5)):
        (tmp_path / "pipelines" / f"{name}.yaml").write_text(PIPELINE)
        said = io.StringIO()
        context = Context(tmp_path, LineReporter(said))
        split(context)
        manifest = train(context, name)
        assert manifest.waiting is not None
        (percent,) = re.findall(r"s of training, (\d+)% of it waiting for data", said.getvalue())
        assert float(percent) == pytest.approx(100 * manifest.waiting, abs=0.51)
        told[name] = manifest.waiting
        # two batches of each fold's 20 rows; its two of validation are no steps
        assert manifest.waiting * manifest.seconds >= 4 * pause
    assert told["slow"] > 0.3 and told["slow"] > 2 * told["fast"]
    scores = outfold.open(tmp_path).scores()
    assert scores["waiting"].to_dict() == told
    assert (tmp_path / "artifacts" / "slow" / "history.png").stat().st_size > 1000
