"""What the stages left in a contest folder, as data frames by id."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outfold.analysis.error_analysis import guess, question, row_losses, said_and_true
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.errors import DataError, nearest, some
from outfold.folds import Folds
from outfold.store import ledger
from outfold.store.folds_file import read_folds
from outfold.store.manifest import Manifest, read_manifest
from outfold.store.paths import BLEND, Layout
from outfold.store.prediction_files import read_oof, read_test
from outfold.store.predictions import fold_by_id, mean_by_id, output_column


def values_of(predictions: pd.DataFrame, outputs: Sequence[str]) -> np.ndarray:
    """(n, outputs) float32: these outputs of what :meth:`Workspace.oof` or :meth:`Workspace.test` has returned."""
    return predictions[[output_column(name) for name in outputs]].to_numpy()


class Workspace:
    """One contest folder, read-only."""

    def __init__(self, root: str | Path = ".") -> None:
        self.root = Path(root)
        self.layout = Layout(self.root)

    @cached_property
    def contest(self) -> Contest:
        """Rows by id, targets, roles, metric."""
        return load_contest(self.root)

    @cached_property
    def folds(self) -> Folds:
        """The split."""
        return read_folds(self.layout.folds)

    @property
    def pipelines(self) -> list[str]:
        """The pipelines that are trained, without the blend."""
        return [name for name in self.layout.pipeline_names() if self.layout.manifest(name).exists()]

    def manifest(self, pipeline: str = BLEND) -> Manifest:
        """What a pipeline was made of and what it scored.

        Raises:
            DataError: it is not trained; the nearest name that is.
        """
        manifest = read_manifest(self.layout.manifest(pipeline))
        if manifest is None:
            known = [*self.pipelines, BLEND]
            hint = nearest(pipeline, known) or f"trained: {', '.join(self.pipelines) or 'nothing yet'}"
            raise DataError(f"{pipeline}: no predictions in {self.layout.artifacts}; {hint}")
        return manifest

    def looks(self) -> dict[str, list[Path]]:
        """By pipeline, pictures of what its models look at: SHAP, else importances, else embeddings; each target's."""
        found = {}
        for name in self.pipelines:
            folder = self.layout.pipeline(name)
            for picture in ("shap.png", "importance.png", "embeddings.png"):
                paths = sorted([*folder.glob(picture), *folder.glob(f"targets/*/{picture}")])
                if paths:
                    found[name] = paths
                    break
        return found

    def oof(self, pipeline: str = BLEND, member: str | None = None) -> pd.DataFrame:
        """Out-of-fold predictions: one row an id, a ``fold`` column, a float32 column an output.

        An output called ``fold``, ``id`` or ``member`` has the column ``output:fold`` and so on, as in the files.

        Args:
            member: one member alone; left out, the mean of all.
        """
        frame = _member(read_oof(self.layout, self._with_member(pipeline, member), self.folds), member)
        mean = mean_by_id(frame).rename(columns=output_column)
        mean.insert(0, "fold", fold_by_id(frame).reindex(mean.index))
        return mean

    def test(self, pipeline: str = BLEND, member: str | None = None) -> pd.DataFrame:
        """Test predictions: one row an id, a float32 column an output; the mean over folds."""
        manifest = self._with_member(pipeline, member)
        frame = _member(read_test(self.layout, manifest, self.contest.test.index), member)
        return mean_by_id(frame).rename(columns=output_column)

    def _with_member(self, pipeline: str, member: str | None) -> Manifest:
        manifest = self.manifest(pipeline)
        if member is not None and member not in manifest.members:
            raise DataError(f"{pipeline} has no member {member}; it has {', '.join(manifest.members)}")
        return manifest

    def truth(self) -> pd.DataFrame:
        """The targets of the training rows as the file has them, by id."""
        columns = [name for name in self.contest.targets if name in self.contest.train.columns]
        return self.contest.train[columns]

    def scores(self) -> pd.DataFrame:
        """One row a pipeline and the blend: score, mean and spread over folds, each fold, seconds of training.

        Of several targets, each one's score stands beside the whole. ``waiting`` is the share of the seconds in which
        steps waited for data, for pipelines that have steps; ``pseudo-labels`` says which test rows a pipeline has
        learnt from beside the training rows.
        """
        rows = {}
        for name in [*self.pipelines, *([BLEND] if self.layout.manifest(BLEND).exists() else [])]:
            manifest = self.manifest(name)
            folds = np.array([np.nan if s is None else s for s in manifest.fold_scores], dtype=float)
            rows[name] = {
                manifest.metric: manifest.score,
                **{
                    f"{target} {one['metric']}": one["score"]
                    for target, one in manifest.extra.get("targets", {}).items()
                },
                "fold mean": np.nanmean(folds),
                "fold std": np.nanstd(folds),
                **{f"fold {k}": score for k, score in enumerate(folds)},
                "seconds": manifest.seconds,
                **({} if manifest.waiting is None else {"waiting": manifest.waiting}),
                **({} if manifest.pseudo is None else {"pseudo-labels": manifest.pseudo.in_words()}),
            }
        table = pd.DataFrame.from_dict(rows, orient="index")
        return table.fillna({"pseudo-labels": ""}) if "pseudo-labels" in table else table

    def pseudo_labels(self) -> pd.DataFrame:
        """One row a pipeline with pseudo-labels and fold: its score, those of its teachers, what it has learnt from.

        ``rows`` of the ``test rows`` have at least the confidence ``limit``, or for numbers at most that spread.
        """
        rows = []
        for name in self.pipelines:
            manifest = self.manifest(name)
            if manifest.pseudo is None:
                continue
            taught = manifest.pseudo
            known = {teacher: read_manifest(self.layout.manifest(teacher)) for teacher in taught.pipelines}
            scores = {teacher: found.fold_scores for teacher, found in known.items() if found is not None}
            for fold, found in enumerate(taught.folds):
                if found is None:
                    continue
                facts = {"rows": found.rows, "test rows": taught.of, "chosen by": taught.by, "limit": found.limit}
                teachers = {f"{manifest.metric} of {teacher}": by_fold[fold] for teacher, by_fold in scores.items()}
                rows.append(
                    {"pipeline": name, "fold": fold, manifest.metric: manifest.fold_scores[fold], **teachers, **facts}
                )
        columns = None if rows else ["pipeline", "fold"]
        return pd.DataFrame(rows, columns=columns).set_index(["pipeline", "fold"])

    def member_scores(self) -> pd.DataFrame:
        """One row a member of every pipeline: its own out-of-fold score, and its weight in the blend.

        Of several targets, its weight for each stands beside the mean of them.
        """
        weights, by_target = self._weights("weights"), self._weights("weights_by_target")
        rows = [
            {
                "pipeline": name,
                "member": member,
                self.manifest(name).metric: score,
                "weight": weights.get(f"{name}/{member}"),
                **{f"weight for {target}": own.get(f"{name}/{member}") for target, own in by_target.items()},
            }
            for name in self.pipelines
            for member, score in self.manifest(name).member_scores.items()
        ]
        return pd.DataFrame(rows).set_index(["pipeline", "member"])

    def _weights(self, key: str) -> dict[str, Any]:
        manifest = read_manifest(self.layout.manifest(BLEND))
        return dict((manifest.extra.get(key) if manifest else None) or {})

    def class_scores(self, pipeline: str = BLEND, target: str | None = None) -> pd.DataFrame:
        """One row a class or label: how many rows, precision, recall, mean loss of its rows.

        Args:
            target: of a contest of several; left out, the first one of classes.

        Raises:
            DataError: a target of numbers has no classes.
        """
        asked = question(self.contest, target)
        if asked.classes is None:
            raise DataError("class_scores: the task is regression; there are no classes")
        oof = self.oof(pipeline)
        values, y = values_of(oof, asked.outputs), asked.truth(oof.index)
        said, true = said_and_true(asked, values, y)
        hit, loss = (said & true).sum(0), row_losses(asked, values, y)
        return pd.DataFrame(
            {
                "rows": true.sum(0),
                "precision": hit / np.maximum(said.sum(0), 1),
                "recall": hit / np.maximum(true.sum(0), 1),
                "mean loss": [loss[column].mean() if column.any() else np.nan for column in true.T],
            },
            index=pd.Index([str(name) for name in asked.classes], name="class"),
        )

    def worst(self, pipeline: str = BLEND, n: int = 16, columns: int | Sequence[str] | None = None) -> pd.DataFrame:
        """The ``n`` training rows with the greatest out-of-fold loss, worst first.

        Fold, truth, prediction and loss come first, then the columns of the table. The loss is the log loss of a row,
        or its absolute error; of several targets, the weighted mean of theirs.

        Args:
            columns: which of the table's are shown, or how many: the most important ones by the pipeline's
                importances, in the table's order. All by default. One that is called like one of the four carries
                ``column`` before its name.

        Raises:
            DataError: a column that the table has not; the nearest name.
        """
        contest = self.contest
        oof = self.oof(pipeline)
        values, y = values_of(oof, contest.outputs), contest.truth(oof.index)
        loss = row_losses(contest, values, y)
        order = np.argsort(-loss, kind="stable")[:n]
        judged = pd.DataFrame(
            {
                "fold": oof["fold"].to_numpy()[order],
                "truth": [contest.word(y[i]) for i in order],
                "predicted": [guess(contest, values[i]) for i in order],
                "loss": loss[order],
            },
            index=oof.index[order],
        )
        shown = contest.train.loc[judged.index, self._columns(pipeline, columns)]
        return pd.concat([judged, shown.rename(columns={name: f"column {name}" for name in judged.columns})], axis=1)

    def _columns(self, pipeline: str, asked: int | Sequence[str] | None) -> list[str]:
        """Columns of the training table without the targets: those named, or the most important ones."""
        known = [str(name) for name in self.contest.train.columns if name not in self.contest.targets]
        if asked is None:
            return known
        if isinstance(asked, int):
            places = self._importance_places(self.pipelines if pipeline == BLEND else [pipeline])
            chosen = sorted(known, key=lambda name: places.get(name, np.inf))[:asked]
            return [name for name in known if name in chosen]
        for name in asked:
            if name not in known:
                raise DataError(f"worst: the table has no column {name!r}; {nearest(name, known) or some(known, 8)}")
        return list(asked)

    def _importance_places(self, pipelines: Sequence[str]) -> dict[str, float]:
        """The place of each feature in the importances of these pipelines, the best one counting."""
        places: dict[str, float] = {}
        for pipeline in pipelines:
            path = self.layout.pipeline(pipeline) / "importance.csv"
            if path.exists():
                for place, name in enumerate(pd.read_csv(path, dtype={"feature": str})["feature"]):
                    places[name] = min(place, places.get(name, np.inf))
        return places

    def ledger(self) -> pd.DataFrame:
        """Every submission sent, oldest first."""
        return ledger.read(self.layout.ledger)


def _member(frame: pd.DataFrame, member: str | None) -> pd.DataFrame:
    """The rows of one member, or all."""
    return frame if member is None else frame[frame["member"] == member]
