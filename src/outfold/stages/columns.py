"""columns: what each column of the contest is, holds, and gives away."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from outfold.contest import Contest
from outfold.data.loading.roles import declared_columns, listed
from outfold.data.profiling.association import Kind
from outfold.data.profiling.facts import Column, Facts, Truth, facts_of
from outfold.data.profiling.row_findings import shared_rows, telling_order
from outfold.data.profiling.warnings import warnings_of
from outfold.learners.adversarial import Verdict, adversarial_validation
from outfold.runs.context import Context
from outfold.store.atomic import write_text

TABLE = "columns.csv"
WIDEST, EXAMPLE = 24, 24
APART = 0.6
"""An AUC of telling the parts from which on they do not look alike."""


def columns(context: Context, *, as_json: bool = False) -> str:
    """Print a row a column, and warnings; write ``artifacts/columns.csv``.

    Args:
        as_json: print nothing, and return everything as JSON.

    Returns:
        the JSON, or nothing.
    """
    contest, reporter = context.contest, context.reporter
    truths = truths_of(contest)
    found: list[tuple[Column, Facts, list[str]]] = []
    every = columns_of(contest)
    with reporter.bar("columns", len(every), "columns") as bar:
        for column in every:
            facts = facts_of(column, truths)
            found.append((column, facts, warnings_of(column, facts)))
            bar.advance(1)
    rows = suspicious_rows(contest)
    verdict = adversarial_validation(contest, reporter)
    path = context.layout.artifacts / TABLE
    records = [_record(*one) for one in found]
    write_text(path, pd.DataFrame(records).to_csv(index=False))
    if as_json:
        return json.dumps(_document(contest, records, rows, verdict), indent=2, ensure_ascii=False, allow_nan=False)
    context.warn_of_the_data()
    reporter.table(f"{context.competition.slug}: columns", _HEADER, [_shown(*one) for one in found], less=_LESS)
    for column, _, warnings in found:
        for warning in warnings:
            reporter.note(f"{column.name}: {warning}")
    for warning in rows:
        reporter.warn(warning)
    if verdict is not None:
        reporter.note(_told(verdict))
    reporter.note("* as competition.yaml says; another role: `columns: {roles: {COLUMN: categorical}}` in it")
    reporter.note(f"columns: the whole table is {path}")
    return ""


def truths_of(contest: Contest) -> list[Truth]:
    """Each target of the contest as a column may go with it; of labels and of several numbers, each one."""
    truths = []
    for one in contest.questions:
        kind: Kind = "numbers" if one.task in ("regression", "ordinal") else "classes"
        parts = [one.y] if one.y.ndim == 1 else list(one.y.T)
        truths += [Truth(part, kind) for part in parts]
    return truths


def suspicious_rows(contest: Contest) -> list[str]:
    """Warnings about the order of the ids, and about rows that both parts have."""
    roles = contest.roles
    names = [*roles.continuous, *roles.categorical, *roles.dates]
    if not names:
        return []
    told = telling_order(contest.train.index, truths_of(contest))
    return told + shared_rows(contest.train[names], contest.test[names])


def columns_of(contest: Contest) -> list[Column]:
    """Every column of the tables but the ids: targets, then the training table's, then the test set's own."""
    declared = declared_columns(contest.config.columns)
    roles = {
        name: role for role in ("continuous", "categorical", "dates", "text") for name in getattr(contest.roles, role)
    }
    for name in listed(contest.config.columns, "ignore"):
        roles[name] = "ignored"
    for key, name in _splitting(contest).items():
        roles.setdefault(name, key)
    names = [*contest.targets, *(str(n) for n in contest.train if n not in contest.targets)]
    names += [str(name) for name in contest.test if name not in contest.train]
    return [
        Column(
            name=name,
            role="target" if name in contest.targets else roles.get(name, "-"),
            declared=name in declared or name in contest.targets or name in _splitting(contest).values(),
            train=contest.train.get(name),
            test=contest.test.get(name),
        )
        for name in names
    ]


def _splitting(contest: Contest) -> dict[str, str]:
    """The columns that folds are made by, by what for."""
    folds = contest.config.folds
    asked = {"group": folds.group or contest.config.columns.group, "date": folds.date, "fold": folds.column}
    return {key: name for key, name in asked.items() if name is not None}


_LESS = ("example", "distinct", "type")
"""Left out of the table, in this order, where the terminal is too narrow; ``columns.csv`` has them."""
_HEADER = ["column", "role", "type", "missing", "distinct", "example", "drift", "target", ""]


def _shown(column: Column, facts: Facts, warnings: Sequence[str]) -> list[str]:
    parts = [part for part in (facts.missing_train, facts.missing_test) if not math.isnan(part)]
    missing = "/".join("0" if not part else f"{part:.0%}" if part >= 0.005 else "<1%" for part in parts)
    return [
        _cut(column.name, WIDEST),
        column.role + "*" * column.declared,
        facts.type,
        missing,
        f"{facts.distinct:,}",
        _cut(facts.example, EXAMPLE),
        "" if facts.drift is None else f"{facts.drift.distance:.2f}",
        "" if facts.relation is None else f"{facts.relation.strength:.2f}",
        "!" * bool(warnings),
    ]


def _cut(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _record(column: Column, facts: Facts, warnings: Sequence[str]) -> dict[str, Any]:
    drift, relation = facts.drift, facts.relation
    return {
        "column": column.name,
        "role": column.role,
        "declared": column.declared,
        "type": facts.type,
        "missing_train": facts.missing_train,
        "missing_test": facts.missing_test,
        "distinct": facts.distinct,
        "example": facts.example,
        "drift": np.nan if drift is None else drift.distance,
        "drift_by_chance": np.nan if drift is None else drift.chance,
        "unseen_in_test": np.nan if drift is None else drift.unseen,
        "relation": np.nan if relation is None else relation.strength,
        "warnings": "; ".join(warnings),
    }


def _document(
    contest: Contest, records: list[dict[str, Any]], rows: list[str], verdict: Verdict | None
) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return None if isinstance(value, float) and math.isnan(value) else value

    adversarial = None if verdict is None else {"auc": verdict.auc, "shares": verdict.shares.to_dict()}
    return {
        "columns": [{key: plain(value) for key, value in record.items()} for record in records],
        "warnings": [*contest.warnings, *rows],
        "adversarial_validation": adversarial,
    }


def _told(verdict: Verdict) -> str:
    what = f"adversarial validation: AUC {verdict.auc:.3f} of telling test rows from training rows, out of fold"
    if verdict.auc < APART:
        return f"{what}: they look alike"
    by = ", ".join(f"{name} {share:.0%}" for name, share in verdict.shares.head(5).items() if share >= 0.01)
    return f"{what}: they do not look alike; by {by}. Folds should split as the host did (a date, a group)"
