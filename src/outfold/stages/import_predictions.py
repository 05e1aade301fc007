"""import: out-of-fold and test predictions made elsewhere, checked, as a member of the blend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from outfold.config.imported import ImportedPipeline
from outfold.config.load import load_pipeline
from outfold.contest import Contest
from outfold.data.reading.tables import read_table
from outfold.errors import ConfigError, DataError, nearest, quoted, some
from outfold.runs.context import Context, command
from outfold.runs.fingerprints import scoring_fingerprint
from outfold.runs.imported import import_fingerprint, relative_path
from outfold.runs.scoring import score_oof
from outfold.store.atomic import atomic_path
from outfold.store.fingerprint import file_sha256
from outfold.store.lock import only_writer
from outfold.store.manifest import Manifest, write_manifest
from outfold.store.pipeline_names import check_name
from outfold.store.prediction_files import EVERY_FOLD, cell_problem, row_differences
from outfold.store.predictions import KEYS, members_of, outputs_of, prediction_frame, write_predictions

MEMBER = "imported"
_SUM_TOLERANCE = 1e-3
"""How far the probabilities of a row's classes may be from a sum of 1: files hold few digits."""
_EQUAL = 1e-6
"""Predictions so near to the truth, relative to its spread, are taken for the truth itself."""


def import_predictions(context: Context, name: str, oof: Path, test: Path, *, same_folds: bool = False) -> Manifest:
    """Check the two files, score them, and write ``pipelines/NAME.yaml`` and the results of a pipeline.

    Args:
        oof: predictions of every training row that a fold scores: CSV, Parquet or Feather with the id, a column per
            output, and optionally ``fold`` and ``member``.
        test: predictions of every test row, likewise.
        same_folds: ``oof`` has no fold column, and the user states that its folds are those of this contest.

    Raises:
        ConfigError: the name is no name, or belongs to a pipeline that is trained.
        DataError: ids, outputs, numbers or folds are not those of the contest; nothing is written.
    """
    check_name(name, "NAME")
    layout, contest = context.layout, context.contest
    path = layout.pipeline_config(name)
    if path.exists() and not isinstance(load_pipeline(path), ImportedPipeline):
        raise ConfigError(f"{path}: {name} is a pipeline of its own", remedy="Choose another name.")
    frame = _oof(context, oof, same_folds)
    predicted = _test(contest, test)
    if members_of(frame) != members_of(predicted):
        raise DataError(
            f"{test}: its members are {some(members_of(predicted))}; {oof} has {some(members_of(frame))}",
            remedy="Give both files the same members.",
        )
    scores = score_oof(contest, frame, context.folds.numbers())
    with only_writer(layout.pipeline(name)):
        made_of = import_fingerprint(context, file_sha256(oof), file_sha256(test))
        manifest = Manifest(
            pipeline=name,
            learner="imported",
            revision=1,
            version=context.version,
            fingerprint=made_of,
            inference=made_of,
            test_inference=made_of,
            scoring=scoring_fingerprint(context, made_of),
            folds_hash=context.folds.hash,
            data_hash=context.data_hash,
            metric=contest.metric.name,
            outputs=outputs_of(frame),
            members=members_of(frame),
            trained=[True] * len(context.folds.numbers()),
            score=scores.score,
            fold_scores=scores.folds,
            member_scores=scores.members,
            extra=scores.extra,
            oof_sha256=write_predictions(layout.oof(name), frame),
            test_sha256=write_predictions(layout.test(name), predicted),
        )
        manifest = write_manifest(layout.manifest(name), manifest)
        sources = {"oof": relative_path(oof, context.root), "test": relative_path(test, context.root)}
        _write_config(path, sources, same_folds)
    _warn_of_the_truth(context, name, frame)
    context.reporter.note(
        f"import {name}: {frame['id'].nunique():,} training rows, {predicted['id'].nunique():,} test rows; out of fold "
        f"{manifest.metric} {manifest.score:.5f}; next: `{command(context.root, 'ensemble')}`"
    )
    return manifest


def _write_config(path: Path, sources: dict[str, str], same_folds: bool) -> None:
    content = {"learner": "imported", **sources, **({"same_folds": True} if same_folds else {})}
    with atomic_path(path) as beside, beside.open("w", encoding="utf-8") as file:
        file.write("# Written by `outfold import`: predictions made elsewhere.\n")
        YAML().dump(content, file)


def _oof(context: Context, path: Path, same_folds: bool) -> pd.DataFrame:
    """The out-of-fold predictions, checked."""
    contest, folds = context.contest, context.folds
    table = _table(path, contest)
    expected = folds.frame[folds.frame["fold"] >= 0]
    if "fold" in table:
        table["fold"] = _whole_numbers(table["fold"], path)
    elif folds.repeats > 1:
        raise DataError(f"{path}: no column fold; with repeated folds every prediction needs one")
    elif not same_folds:
        raise DataError(
            f"{path}: no column fold, so the folds that its models were trained on cannot be checked",
            remedy="Add the column, or pass --same-folds if they are those of artifacts/folds.parquet.",
        )
    else:
        fold = pd.Series(expected["fold"].to_numpy(), index=expected["id"].astype(str))
        table["fold"] = table["id"].map(fold[~fold.index.duplicated()]).fillna(EVERY_FOLD).astype(np.int64)
    frame = _frame(table, contest, context.contest.train.index, path, "training")
    for member, rows in frame.groupby("member", sort=False):
        problem = row_differences(rows, expected)
        if problem:
            raise DataError(
                f"{path}: member {member}: {problem} of artifacts/folds.parquet",
                remedy="Predict each training row by the model of its own fold: the split is artifacts/folds.parquet.",
            )
    return frame


def _test(contest: Contest, path: Path) -> pd.DataFrame:
    """The test predictions, checked; without a fold column they belong to no single fold."""
    table = _table(path, contest)
    table["fold"] = _whole_numbers(table["fold"], path) if "fold" in table else EVERY_FOLD
    frame = _frame(table, contest, contest.test.index, path, "test")
    for (fold, member), rows in frame.groupby(["fold", "member"], sort=False):
        problem = row_differences(rows, pd.DataFrame({"id": contest.test.index, "fold": rows["fold"].iloc[0]}))
        if problem:
            raise DataError(f"{path}: fold {fold}, member {member}: {problem} of the test set")
    return frame


def _table(path: Path, contest: Contest) -> pd.DataFrame:
    """The file as it is, its ids as text in a column ``id``."""
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    frame = read_table(path, verbatim={"id", contest.id_column, "member"}).frame
    frame = frame.rename(columns=str)
    if "id" not in frame and contest.id_column in frame:
        frame = frame.rename(columns={contest.id_column: "id"})
    if "id" not in frame:
        raise DataError(f"{path}: no column id or {contest.id_column}; it has {some(frame.columns)}")
    missing = frame["id"].isna()
    if missing.any():
        raise DataError(f"{path}: {int(missing.sum())} rows have no id (row {int(np.argmax(missing)) + 1})")
    if "member" in frame and (frame["member"].isna() | (frame["member"] == "")).any():
        raise DataError(
            f"{path}: member: a row has none", remedy="Name a member in every row, or leave the column out."
        )
    return frame.assign(id=frame["id"].astype(str))


def _whole_numbers(column: pd.Series, path: Path) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    bad = numbers.isna() | (numbers % 1 != 0)
    if bad.any():
        value = column[bad].iloc[0]
        raise DataError(f"{path}: fold: {quoted(value)} in row {int(np.argmax(bad)) + 1} is no whole number")
    return numbers.astype(np.int64)


def _frame(table: pd.DataFrame, contest: Contest, ids: pd.Index, path: Path, part: str) -> pd.DataFrame:
    """The table as predictions by the contest's own ids."""
    outputs = contest.outputs
    lacking = [name for name in outputs if name not in table or name in KEYS]
    if lacking:
        hint = nearest(lacking[0], list(table.columns)) or f"it has {some(table.columns, 10)}"
        raise DataError(f"{path}: no column {some(lacking)}, which the contest predicts; {hint}")
    more = [name for name in table if name not in (*KEYS, *outputs)]
    if more:
        raise DataError(
            f"{path}: the column {some(more)} is no output of the contest, which are {some(outputs, 10)}",
            remedy="Remove it.",
        )
    own = pd.Series(ids, index=ids.astype(str))
    unknown = ~table["id"].isin(own.index)
    if unknown.any():
        raise DataError(
            f"{path}: {int(unknown.sum())} ids are not those of {part} rows ({some(table.loc[unknown, 'id'])})",
            remedy=f"Keep the rows of the {part} set only.",
        )
    values = table[outputs].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise DataError(f"{path}: {int(bad.sum())} rows are not finite numbers (id {some(table.loc[bad, 'id'])})")
    _check_range(values, contest, table["id"], path)
    if "member" not in table:
        table = table.assign(member=MEMBER)
    parts = []
    keys = table.reset_index(drop=True)[["fold", "member"]]
    for _, rows in keys.groupby(["fold", "member"], dropna=False):
        at = rows.index.to_numpy()
        own_ids = pd.Index(own.loc[table["id"].iloc[at]].to_numpy())
        fold, member = int(rows["fold"].iloc[0]), str(rows["member"].iloc[0])
        parts.append(prediction_frame(own_ids, fold, member, outputs, values[at], contest.precise_outputs))
    frame = pd.concat(parts, ignore_index=True)
    problem = cell_problem(frame, outputs)
    if problem:
        raise DataError(f"{path}: {problem}")
    return frame


def _check_range(values: np.ndarray, contest: Contest, ids: pd.Series, path: Path) -> None:
    """Probabilities are from 0 to 1, and those of classes have the sum 1."""
    texts = ids.to_numpy()
    for one in contest.questions:
        columns = [contest.outputs.index(name) for name in one.outputs]
        if one.task == "regression":
            continue
        outside = ((values[:, columns] < 0) | (values[:, columns] > 1)).any(axis=1)
        if outside.any():
            raise DataError(
                f"{path}: {int(outside.sum())} rows are no probabilities from 0 to 1 (id {some(texts[outside])})",
                remedy="Export probabilities, not logits or class numbers.",
            )
        odd = np.asarray(np.abs(values[:, columns].sum(axis=1) - 1) > _SUM_TOLERANCE)
        if one.task in ("multiclass", "ordinal") and odd.any():
            raise DataError(
                f"{path}: the probabilities of {int(odd.sum())} rows have not the sum 1 (id {some(texts[odd])})",
                remedy="Export the probability of every class.",
            )


def _warn_of_the_truth(context: Context, name: str, frame: pd.DataFrame) -> None:
    """Tell of predictions that are the targets themselves."""
    contest = context.contest
    for member in members_of(frame):
        rows = frame[frame["member"] == member]
        for one in contest.questions:
            values = rows[list(one.outputs)].to_numpy(np.float64)
            if _is_truth(values, np.asarray(one.truth(pd.Index(rows["id"]))), one.task):
                context.reporter.warn(
                    f"import {name}: {member}: every prediction of {one.outputs[0]} equals the truth: these are most "
                    "likely the targets, or predictions of models that have seen them"
                )


def _is_truth(values: np.ndarray, truth: np.ndarray, task: str) -> bool:
    if task in ("multiclass", "ordinal"):
        truth = np.eye(values.shape[1])[truth.astype(np.int64)]
    truth = truth.reshape(values.shape).astype(np.float64)
    spread = float(truth.max() - truth.min()) or 1.0
    return bool((np.abs(values - truth) <= _EQUAL * spread).all())
