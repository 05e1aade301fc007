"""``target_transform``: any learner on targets of another scale, its predictions brought back to their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from outfold.config.pipeline_base import ModelPipelineBase
from outfold.contest import Contest
from outfold.data.targets.transform import TRANSFORMS, Transform, shift
from outfold.errors import ConfigError, DataError, nearest, some
from outfold.learners.base import Learner, Part
from outfold.metrics import Metric, combined
from outfold.pseudo_labels import PseudoLabels
from outfold.store.fold_dir import Shelf
from outfold.store.predictions import output_column

AnyPipeline = TypeVar("AnyPipeline", bound=ModelPipelineBase)


@dataclass(frozen=True)
class Scales:
    """What each target that is transformed is learnt on.

    Attributes:
        transforms: by target, whose output has the same name.
        columns: of the truth, by target.
        precise: the targets whose predictions are kept as float64 on their own scale.
    """

    transforms: Mapping[str, Transform]
    columns: Mapping[str, int]
    precise: Collection[str] = ()

    def forward(self, y: NDArray[Any]) -> NDArray[np.float64]:
        """The truth, (n,) or (n, columns), as it is learnt."""
        table = np.array(y, dtype=np.float64).reshape(len(y), -1)
        for name, transform in self.transforms.items():
            table[:, self.columns[name]] = transform.forward(table[:, self.columns[name]])
        return table.reshape(np.shape(y))

    def backward(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Predictions as in :mod:`outfold.store.predictions`, on the targets' own scales."""
        changed = {}
        for name, transform in self.transforms.items():
            column = output_column(name)
            values = transform.backward(frame[column].to_numpy())
            changed[column] = values if name in self.precise else values.astype(np.float32)
        return frame.assign(**changed)

    def pseudo(self, pseudo: PseudoLabels) -> PseudoLabels:
        """The labels as they are learnt, of a contest of numbers; rows that a transform does not take are left out."""
        targets = pseudo.targets.astype(np.float64)
        taken = np.ones(len(targets), dtype=bool)
        for name, transform in self.transforms.items():
            taken &= transform.takes(targets[:, self.columns[name]])
        kept = pseudo.some(taken)
        return replace(kept, targets=self.forward(kept.targets).astype(np.float32))


def as_learnt(contest: Contest, config: AnyPipeline, where: Path | str) -> tuple[Contest, AnyPipeline, Scales]:
    """The contest as its models see it, and the pipeline with what it says of targets on that scale.

    The metric takes what the models learn and say, and scores it on the targets' own scales.

    Args:
        where: the pipeline's file, for messages.

    Returns:
        Both, and the scales; all as they were where no target is transformed.

    Raises:
        ConfigError: the task has no numbers, a target that is none, or a ``target_range`` out of the domain.
        DataError: a training row has a value that the transform cannot take.
    """
    scales = _scales(contest, config, where)
    if not scales.transforms:
        return contest, config, scales
    _check_values(contest, scales, where)
    learnt = replace(contest, y=scales.forward(contest.y), metric=_on_own_scale(contest, scales))
    return learnt, _ranged(config, contest, scales, where), scales


def centred(contest: Contest, config: AnyPipeline, where: Path | str) -> tuple[Contest, AnyPipeline, Scales]:
    """The contest with targets moved near zero, for learners that compute in float32; results as :func:`as_learnt`.

    Only targets of :attr:`outfold.contest.Contest.precise_outputs` are moved.
    """
    columns = {name: place for name, place in _numbers(contest).items() if name in contest.precise_outputs}
    table = contest.y.reshape(len(contest.y), -1)
    shifts = {name: shift(table[:, place]) for name, place in columns.items()}
    scales = Scales(shifts, columns, contest.precise_outputs)
    learnt = replace(contest, y=scales.forward(contest.y), metric=_on_own_scale(contest, scales))
    return learnt, _ranged(config, contest, scales, where), scales


class Transformed:
    """A learner whose contest has transformed targets.

    Args:
        learner: of the contest that :func:`as_learnt` gives.
    """

    def __init__(self, learner: Learner, scales: Scales) -> None:
        self.learner, self.scales = learner, scales

    def check(self) -> None:
        """Raise what would stop the learner."""
        self.learner.check()

    def check_fold(self, fold: int, train: pd.Index) -> None:
        """Raise what would stop the learner on this training part."""
        self.learner.check_fold(fold, train)

    def fit(
        self, fold: int, train: pd.Index, valid: pd.Index, shelf: Shelf, pseudo: PseudoLabels | None = None
    ) -> None:
        """Train one fold on the transformed targets; rows of ``pseudo`` that a transform does not take are left out."""
        self.learner.fit(fold, train, valid, shelf, None if pseudo is None else self.scales.pseudo(pseudo))

    def predict(self, part: Part, ids: pd.Index, shelves: Mapping[int, Shelf]) -> pd.DataFrame:
        """Predict rows with every member of every fold given, each on the targets' own scale before any mean."""
        return self.scales.backward(self.learner.predict(part, ids, shelves))

    def summarise(self, shelves: Mapping[int, Shelf], folder: Path) -> None:
        """What the learner shows."""
        self.learner.summarise(shelves, folder)


def _scales(contest: Contest, config: ModelPipelineBase, where: Path | str) -> Scales:
    said = config.target_transform
    if said is None:
        return Scales({}, {})
    columns = _numbers(contest)
    names = list(said) if isinstance(said, dict) else list(columns)
    for name in names:
        if name not in contest.targets:
            hint = nearest(name, contest.targets) or f"they are {some(contest.targets)}"
            raise ConfigError(f"{where}: target_transform: {name!r} is none of the targets; {hint}")
    strange = [name for name in names or contest.targets if name not in columns]
    if strange:
        task = next((one.task for one in contest.subtasks if one.name == strange[0]), contest.task)
        raise ConfigError(
            f"{where}: target_transform: is for numbers; the task of the target {strange[0]} is {task}",
            remedy="Leave the key out, or name targets of numbers: `target_transform: {<column>: log1p}`.",
        )
    each = said if isinstance(said, dict) else dict.fromkeys(names, said)
    transforms = {name: TRANSFORMS[one] for name, one in each.items()}
    return Scales(transforms, {name: columns[name] for name in each}, contest.precise_outputs)


def _numbers(contest: Contest) -> dict[str, int]:
    """The targets that are numbers, and where their truth stands in ``y``."""
    if contest.subtasks:
        return {one.name: one.truth.start for one in contest.subtasks if one.task == "regression"}
    return {name: place for place, name in enumerate(contest.targets)} if contest.task == "regression" else {}


def _check_values(contest: Contest, scales: Scales, where: Path | str) -> None:
    table = contest.y.reshape(len(contest.y), -1)
    for name, transform in scales.transforms.items():
        values = table[:, scales.columns[name]]
        bad = ~transform.takes(values)
        if bad.any():
            ids, first = contest.train.index[bad].tolist(), values[bad][0]
            raise DataError(
                f"{where}: target_transform: {transform.name}: the target {name} is {first:g} in row {ids[0]!r} "
                f"({int(bad.sum()):,} rows: {some(ids)}); expected {transform.domain}",
                remedy=f"Choose another ({transform.instead}), or leave such rows out: `train_where` in "
                f"{contest.layout.competition}.",
            )


def _on_own_scale(contest: Contest, scales: Scales) -> Metric:
    """The contest's metric of truth and predictions that are transformed."""
    if not contest.subtasks:
        return _composed(contest.metric, [scales.transforms.get(name) for name in contest.targets])
    return combined(
        [
            replace(one, metric=_composed(one.metric, [scales.transforms[one.name]]))
            if one.name in scales.transforms
            else one
            for one in contest.subtasks
        ]
    )


def _composed(metric: Metric, transforms: Sequence[Transform | None]) -> Metric:
    # of values, whatever it wants itself: labels are made of numbers on their own scale
    score = partial(_scored, metric, transforms)
    return Metric(metric.name, metric.greater_is_better, "values", ("regression",), score, "regression")


def _scored(metric: Metric, transforms: Sequence[Transform | None], y: NDArray[Any], said: NDArray[Any]) -> float:
    truth, values = _back(transforms, y), _back(transforms, said)
    whole = np.rint(truth)
    # what was a whole rating is one again, and not 2.9999999999999996
    truth = np.where(np.isclose(truth, whole, rtol=1e-12, atol=1e-12), whole, truth)
    return metric.score(truth, values.reshape(len(values), -1))


def _back(transforms: Sequence[Transform | None], values: NDArray[Any]) -> NDArray[np.float64]:
    table = values.reshape(len(values), -1)
    columns = [
        column if transform is None else transform.backward(column)
        for column, transform in zip(table.T, transforms, strict=True)
    ]
    return np.stack(columns, axis=1).reshape(values.shape)


def _ranged(config: AnyPipeline, contest: Contest, scales: Scales, where: Path | str) -> AnyPipeline:
    """The pipeline without the key, its ``target_range`` on the scale that is learnt."""
    update: dict[str, Any] = {"target_transform": None}
    pairs, targets = getattr(config, "target_ranges", []), contest.targets
    if len(pairs) in (1, len(targets)):  # any other number the learner refuses
        each = zip(pairs * (len(targets) // len(pairs)), targets, strict=True)
        update["target_range"] = [_range(pair, scales.transforms.get(name), where) for pair, name in each]
    return config.model_copy(update=update)


def _range(pair: Sequence[float], transform: Transform | None, where: Path | str) -> list[float]:
    if transform is None:
        return list(pair)
    ends = np.array(pair, dtype=np.float64)
    if not transform.takes(ends).all():
        raise ConfigError(
            f"{where}: target_range: {list(pair)} is in the target's own units, and target_transform: {transform.name} "
            f"takes {transform.domain}"
        )
    return [float(end) for end in transform.forward(ends)]
