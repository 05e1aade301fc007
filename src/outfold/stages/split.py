"""split: artifacts/folds.parquet."""

from __future__ import annotations

import numpy as np
import pandas as pd

from outfold.config.folds import FoldKind, FoldsConfig
from outfold.contest import Contest
from outfold.errors import in_contest_file
from outfold.folds import Folds, duplicates_across, make_folds
from outfold.folds.gap import in_words
from outfold.folds.make import GROUPED
from outfold.metrics import PER_CLASS
from outfold.runs.context import Context
from outfold.runs.stage_stamps import Stamp
from outfold.store.folds_file import folds_fingerprint, read_folds, write_folds
from outfold.store.input_hashes import content_hashes

LATER = 0.9
"""The share of test rows later than all training rows from which a contest is taken for one of time."""


def split(context: Context) -> Folds:
    """Assign every training row to a fold; does nothing where the split on disk was made of the same things.

    Raises:
        ConfigError: the contest's ``folds:`` cannot be carried out.
    """
    config, layout, reporter = context.competition, context.layout, context.reporter
    stamp = Stamp(context, "split")
    made_of = context.split_fingerprint
    if folds_fingerprint(layout.folds) == made_of:
        folds = read_folds(layout.folds)
        stamp.write()
        reporter.note(f"split: up to date ({len(folds.numbers())} folds, {folds.kind})")
        return folds
    contest = context.contest
    context.warn_of_the_data()
    if config.folds.kind is None or config.folds.implied_by is not None:
        reporter.note(f"split: folds.kind is left out: {described(contest, config.folds)}")
    folds, warnings = make_split(context)
    for warning in warnings:
        reporter.warn(warning)
    write_folds(layout.folds, folds, made_of)
    stamp.write()
    reporter.table(
        f"{len(folds.numbers())} folds, {folds.kind}",
        ["fold", "train rows", *(["in the gap"] if folds.purged is not None else []), "scored rows", *_what(contest)],
        _rows(contest, folds),
    )
    return folds


def fold_kind(contest: Contest, config: FoldsConfig) -> FoldKind:
    """The splitter after defaults."""
    if config.kind is not None:
        return config.kind
    grouped = contest.groups(contest.train.index) is not None
    if contest.leading.task == "binary" or contest.leading.task in PER_CLASS:
        return "stratified_group" if grouped else "stratified"
    if grouped:
        return "group"
    return "multilabel_stratified" if contest.leading.task == "multilabel" else "kfold"


def described(contest: Contest, config: FoldsConfig) -> str:
    """The folds in a few words: ``3 x time_series of 48D, gap 7D``; and why, where the kind is inferred."""
    kind = fold_kind(contest, config)
    count = "" if kind in ("holdout", "column") else f"{config.n * config.repeats} x "
    span = "" if config.span is None else f" of {config.span}"
    gap = "" if config.gap is None else f", gap {in_words(config.gap)}"
    if config.kind is None:
        article = "an" if contest.leading.task == "ordinal" else "a"
        why = f" (for {article} {contest.leading.task} target{', groups kept whole' * (kind in GROUPED)})"
    else:
        why = "" if config.implied_by is None else f" (inferred from folds.{config.implied_by})"
    return f"{count}{kind}{span}{gap}{why}"


def random_over_time(contest: Contest) -> list[str]:
    """A warning where test rows lie after the training rows and folds are not split by time, or nothing."""
    kind = fold_kind(contest, contest.config.folds)
    if contest.dates(contest.train.index) is not None or kind == "column":
        return []
    for name in contest.roles.dates:
        train, test = contest.train[name].dropna(), contest.test[name].dropna()
        if len(train) and len(test) and train.nunique() > 1 and (test > train.max()).mean() >= LATER:
            return [
                f"the test rows lie after the training rows (column {name}: {train.max():%Y-%m-%d} is the last of the "
                f"training rows), and the folds ({kind}) are drawn over all times: scores will be too good. Split by "
                f"time: `folds: {{kind: time_series, date: {name}}}`, or `{{kind: holdout, date: {name}}}`."
            ]
    return []


def make_split(context: Context) -> tuple[Folds, list[str]]:
    """Split the training rows in memory; nothing is written.

    Returns:
        the folds, and warnings.

    Raises:
        ConfigError, DataError: the contest's ``folds:`` cannot be carried out on these rows.
    """
    contest, config = context.contest, context.competition.folds
    ids, asked = contest.train.index, contest.leading
    with in_contest_file(context.layout.competition):
        folds, warnings = make_folds(
            ids,
            kind=fold_kind(contest, config),
            n=config.n,
            seed=config.seed,
            repeats=config.repeats,
            y=asked.y,
            task=asked.task,
            groups=contest.groups(ids),
            dates=contest.dates(ids),
            column=contest.fold_column(ids),
            fraction=config.fraction,
            bins=config.bins,
            span=config.span,
            gap=config.gap,
            classes=asked.classes,
        )
    return folds, [*warnings, *_duplicate_images(contest, folds, context), *random_over_time(contest)]


def _duplicate_images(contest: Contest, folds: Folds, context: Context) -> list[str]:
    """Rows whose images are the same bytes, on both sides of a split."""
    if not contest.roles.image:
        return []
    hashes = content_hashes(context.layout.inputs, context.layout.data_manifest)
    paths = contest.images("train", contest.train.index)
    keys = pd.Series([hashes.get(path, str(path)) for path in paths], index=contest.train.index)
    return duplicates_across(folds, keys)


def _what(contest: Contest) -> list[str]:
    return {"regression": ["target mean"], "binary": ["positive"]}.get(contest.leading.task, ["rarest class"])


def _rows(contest: Contest, folds: Folds) -> list[list[str]]:
    rows, contest = [], contest.leading
    for fold in folds.numbers():
        valid = folds.valid(fold)
        y = contest.truth(valid)
        if contest.task == "regression":
            said = f"{np.mean(y):.4g}"
        elif contest.task == "binary":
            said = f"{np.mean(y):.1%}"
        else:
            counts = y.sum(0) if contest.task == "multilabel" else np.bincount(y, minlength=len(contest.classes or []))
            rarest = int(np.argmin(counts))
            said = f"{(contest.classes or [])[rarest]} ({int(counts[rarest])})"
        gap = [] if folds.purged is None else [f"{int(folds.purged[:, fold].sum()):,}"]
        rows.append([str(fold), f"{len(folds.train(fold)):,}", *gap, f"{len(valid):,}", said])
    return rows
