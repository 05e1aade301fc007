"""A small real contest with images for tests: scikit-learn's digits as PNG files in a contest folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from ruamel.yaml import YAML
from sklearn.datasets import load_digits

from outfold.contest import Contest
from outfold.contest_files import load_contest


def digits_contest(
    root: Path, *, train: int = 120, test: int = 30, task: str = "multiclass", side: int = 32, **keys: Any
) -> Contest:
    """Write a contest of the first digits and open it.

    ``task`` chooses what is asked of a digit: which it is (multiclass), whether it is odd (binary), tags (multilabel),
    or its number and its ink (regression).
    """
    data = load_digits()
    images, labels = data.images[: train + test], data.target[: train + test]
    ids = [f"d{number:04d}" for number in range(train + test)]
    for i, (identity, image) in enumerate(zip(ids, images, strict=True)):
        path = root / "inputs" / ("train" if i < train else "test") / f"{identity}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        large = cv2.resize((image * (255 / 16)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(path), np.clip(np.rint(large), 0, 255).astype(np.uint8))
    target, sample = _asked(task, images, labels)
    table = pd.concat([pd.DataFrame({"id": ids}), target], axis=1)
    table[:train].to_csv(root / "inputs" / "train.csv", index=False)
    table.loc[train:, ["id"]].to_csv(root / "inputs" / "test.csv", index=False)
    table.loc[train:, ["id"]].assign(**sample).to_csv(root / "inputs" / "sample_submission.csv", index=False)
    config = {
        "host": "folder",
        "slug": "digits",
        "train": "train.csv",
        "test": "test.csv",
        "id": "id",
        "target": list(target.columns),
        "task": task,
        "columns": {"image": {"train": "train/{id}.png", "test": "test/{id}.png"}},
        **keys,
    }
    (root / "competition").mkdir(exist_ok=True)
    (root / "pipelines").mkdir(exist_ok=True)
    with (root / "competition" / "competition.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(config, file)
    return load_contest(root)


def _asked(task: str, images: np.ndarray, labels: np.ndarray) -> tuple[pd.DataFrame, Mapping[str, Any]]:
    if task == "multiclass":
        return pd.DataFrame({"label": labels}), {str(name): 0.1 for name in range(10)}
    if task == "binary":
        return pd.DataFrame({"odd": labels % 2}), {"odd": 0.5}
    if task == "multilabel":
        return pd.DataFrame({"odd": labels % 2, "large": (labels > 4).astype(int)}), {"odd": 0.5, "large": 0.5}
    return pd.DataFrame({"number": labels * 100.0 + 1000, "ink": images.mean(axis=(1, 2))}), {"number": 0, "ink": 0}
