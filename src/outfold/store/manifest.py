"""What lies beside each pipeline's predictions: what they were made of, and what they scored."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from outfold.errors import DataError, MismatchError, quoted, some
from outfold.progress import Reporter
from outfold.store.atomic import write_text
from outfold.store.damage import FOLDER, DamagedError, damaged
from outfold.store.fingerprint import fingerprint


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
    content_sha256: str = ""
    """Hash of all other fields; empty in a manifest of a version that wrote none."""

    @property
    def complete(self) -> bool:
        """Every fold was trained."""
        return bool(self.trained) and all(self.trained)


def _problem(manifest: Manifest) -> str:
    """What no stage writes: names twice, lengths that differ, scores that are missing or not finite; else empty."""
    for key, names in (("members", manifest.members), ("outputs", manifest.outputs)):
        if not names or "" in names or len(set(names)) < len(names):
            return f"{key}: {names}; expected names, each once"
    if not manifest.trained or len(manifest.fold_scores) != len(manifest.trained):
        return f"{len(manifest.trained)} folds and {len(manifest.fold_scores)} scores of folds"
    if manifest.score is None:
        return "the score is missing"
    by_fold = {f"fold {fold}": score for fold, score in enumerate(manifest.fold_scores)}
    undefined = all(score is None for score in manifest.fold_scores)
    for name, score in {"all folds": manifest.score, **manifest.member_scores, **by_fold}.items():
        if score is not None and not math.isfinite(score) and not undefined:
            return f"the score of {name} is {score}; expected a finite number"
    return _problem_of_extra(manifest.extra)


def _problem_of_extra(extra: Mapping[str, Any]) -> str:
    if not _are_thresholds(extra.get("thresholds")):
        return "extra.thresholds: expected finite numbers"
    for key in ("in_sample", "optimism", "gain"):
        if not isinstance(extra.get(key, 0.0), int | float):
            return f"extra.{key}: expected a number"
    for key in ("names", "pipelines"):
        names = extra.get(key, [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return f"extra.{key}: expected names"
    for key in ("weights", "weights_by_target", "targets"):
        if not isinstance(extra.get(key) or {}, dict):
            return f"extra.{key}: expected a mapping"
    return ""


def _content_sha256(manifest: Manifest) -> str:
    return fingerprint(manifest=manifest.model_dump(mode="json", exclude={"content_sha256"}))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _are_thresholds(value: Any) -> bool:
    """Nothing, finite numbers, or these by target."""
    if isinstance(value, dict):
        return all(map(_are_thresholds, value.values()))
    return value is None or (isinstance(value, list) and all(map(_is_number, value)))


def _span(values: Sequence[float], form: str) -> str:
    """From the least to the greatest, or one number where they are told alike."""
    least, most = format(min(values), form), format(max(values), form)
    return least if least == most else f"{least} to {most}"


def write_manifest(path: Path, manifest: Manifest) -> Manifest:
    """Replace the manifest, whole or not at all, with the hash of its fields.

    Returns:
        the manifest as :func:`read_manifest` gives it back.

    Raises:
        DataError: a score is not a finite number though the metric is defined.
    """
    problem = _problem(manifest)
    if problem:
        raise DataError(f"{manifest.pipeline}: {problem}", remedy="Check the metric in competition/competition.yaml.")
    # as a reader has it: whole numbers where a field holds floats are floats
    manifest = Manifest.model_validate_json(json.dumps(manifest.model_dump()))
    manifest = manifest.model_copy(update={"content_sha256": _content_sha256(manifest)})
    write_text(path, json.dumps(manifest.model_dump(), indent=2) + "\n")
    return manifest


def read_manifest(path: Path) -> Manifest | None:
    """The manifest, or None where there is none.

    Raises:
        DamagedError: the file is no manifest, a field of it cannot be, or it was changed after it was written.
    """
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise damaged(path, "a file is where its folder belongs") from None
    except IsADirectoryError:
        raise damaged(path, FOLDER) from None
    except ValidationError as error:
        raise damaged(path, _first(error)) from None
    problem = _problem(manifest)
    if problem:
        raise damaged(path, f"damaged ({problem})")
    if manifest.content_sha256 and manifest.content_sha256 != _content_sha256(manifest):
        raise damaged(path, "its fields do not match its own hash: it was changed after it was written")
    if manifest.pipeline != path.parent.name:
        raise damaged(path, f"it is the manifest of {quoted(manifest.pipeline)}")
    return manifest


def replaceable_manifest(path: Path, reporter: Reporter) -> Manifest | None:
    """The manifest for the stage that writes it: one that is damaged is told and counts as missing.

    Raises:
        DamagedError: a folder is in its place.
    """
    try:
        return read_manifest(path)
    except DamagedError as error:
        if path.is_dir():
            raise
        reporter.warn(f"{error.message}; it is written again")
        return None


def _first(error: ValidationError) -> str:
    """The first problem in words."""
    detail = error.errors(include_url=False)[0]
    field = ".".join(map(str, detail["loc"]))
    problem = detail["msg"].removeprefix("Value error, ")
    return f"damaged ({field}: {problem})" if field else f"damaged ({problem})"


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
