"""The chain from nothing to a blend."""

from __future__ import annotations

from pathlib import Path

from outfold.runs.context import Context
from outfold.stages.check import check
from outfold.stages.download import download
from outfold.stages.ensemble import ensemble
from outfold.stages.predict import predict
from outfold.stages.split import split
from outfold.stages.train import train


def blended(root: Path, *pipelines: str) -> Path:
    """The contest folder, looked at, its pipelines trained, predicted and blended."""
    for stage in (check, download, split):
        stage(Context(root))
    for name in pipelines:
        train(Context(root), name)
        predict(Context(root), name)
    ensemble(Context(root))
    return root
