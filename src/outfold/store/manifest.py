"""What lies beside each pipeline's predictions: what they were made of, and what they scored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from outfold.errors import DataError, MismatchError, some
from outfold.store.atomic import write_text


class PseudoFold(BaseModel):
    """The pseudo-labels of one fold's model."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    rows: int
    """Test rows that it has learnt from."""
    limit: float
    """The least confidence among them that was asked for, or the greatest spread."""


class PseudoFacts(BaseModel):
    """What a pipeline has learnt beside the training rows."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    pipelines: list[str]
    """The teachers."""
    labels: str
    """soft or hard."""
    weight: float
    """Of a test row in the loss."""
    of: int
    """Test rows in all."""
    by: str
    """What they were chosen by: confidence or spread."""
    folds: list[PseudoFold | None]
    """Of each fold (None: not trained)."""

    def in_words(self, fold: int | None = None) -> str:
        """What a fold's model has learnt from; of all folds, and who taught them, where ``fold`` is None."""
        chosen = [found for found in (self.folds if fold is None else self.folds[fold : fold + 1]) if found is not None]
        if not chosen:
            return ""
        rows, limits = [one.rows for one in chosen], [one.limit for one in chosen]
        sign = "≥" if self.by == "confidence" else "≤"
        told = f"{_span(rows, ',')} of {self.of:,} test rows, {self.by} {sign} {_span(limits, '.3g')}"
        return told if fold is not None else f"{told}, from {', '.join(self.pipelines)}"


class Manifest(BaseModel):
    """One pipeline's manifest."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    pipeline: str
    """The pipeline's name."""
    learner: str
    """Its family."""
    revision: int
    """The learner's revision number: raised when its results would differ."""
    version: str
    """The version of outfold that trained it."""
    fingerprint: str
    """Hash of all that the models were made of."""
    inference: str = ""
    """Hash of that and of how the predictions were made (test-time augmentation)."""
    scoring: str = ""
    """Hash of that and of the metric."""
    folds_hash: str
    """Hash of the split."""
    data_hash: str
    """Hash of the data."""
    metric: str
    """The metric's name."""
    outputs: list[str] = []
    """The output columns."""
    members: list[str] = []
    """The members."""
    trained: list[bool] = []
    """Which folds were trained."""
    fold_scores: list[float | None] = []
    """The score of each fold (None: not trained)."""
    score: float | None = None
    """The score of all out-of-fold rows together."""
    member_scores: dict[str, float] = {}
    """The score of each member alone."""
    seconds: float = 0.0
    """Training time, all folds together."""
    batch_size: list[int] | None = None
    """Rows of a batch in each phase, as found where the pipeline says auto; None for learners that have none."""
    waiting: float | None = None
    """The share of it in which steps waited for data; None for learners that have no steps."""
    oof_sha256: str = ""
    """Hash of oof.parquet."""
    test_sha256: str = ""
    """Hash of test.parquet."""
    test_inference: str = ""
    """The ``inference`` hash with which test.parquet was made."""
    pseudo: PseudoFacts | None = None
    """Which pseudo-labels it has learnt from; None where from none."""
    extra: dict[str, Any] = {}
    """What the stage wishes to add: weights, optimism, thresholds."""

    @property
    def complete(self) -> bool:
        """Every fold was trained."""
        return bool(self.trained) and all(self.trained)


def _span(values: Sequence[float], form: str) -> str:
    """From the least to the greatest, or one number where they are told alike."""
    least, most = format(min(values), form), format(max(values), form)
    return least if least == most else f"{least} to {most}"


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Replace the manifest, whole or not at all."""
    write_text(path, json.dumps(manifest.model_dump(), indent=2) + "\n")


def read_manifest(path: Path) -> Manifest | None:
    """The manifest, or None where there is none.

    Raises:
        DataError: the file is there and is no manifest.
    """
    if not path.exists():
        return None
    try:
        return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: damaged ({str(error).splitlines()[0]})", remedy="Remove it: its stage runs again."
        ) from None


def refuse_mixed(manifests: Mapping[str, Manifest]) -> None:
    """Refuse to combine predictions that do not belong together.

    Raises:
        MismatchError: by name, where folds or data differ or a fold is missing.
    """
    first: Manifest | None = None
    for name, manifest in manifests.items():
        if not manifest.complete:
            missing = [str(k) for k, done in enumerate(manifest.trained) if not done] or ["all"]
            raise MismatchError(
                f"{name}: fold {some(missing)} was never trained; its predictions cover a part of the rows",
                remedy=f"Run `outfold train {name}` to the end.",
            )
        if first is None:
            first = manifest
        elif manifest.folds_hash != first.folds_hash:
            raise MismatchError(
                f"{name} was trained on other folds ({manifest.folds_hash[:12]}) than {first.pipeline} "
                f"({first.folds_hash[:12]}): a blend of the two would score rows that one of them has seen",
                remedy=f"Run `outfold train {first.pipeline} {name}`.",
            )
        elif manifest.data_hash != first.data_hash:
            raise MismatchError(
                f"{name} was trained on other data ({manifest.data_hash[:12]}) than {first.pipeline} "
                f"({first.data_hash[:12]})",
                remedy=f"Run `outfold train {first.pipeline} {name}`.",
            )
