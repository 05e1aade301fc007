"""The rows of the training and the test table by id, matched with the rows of the sample submission."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from outfold.config.competition import CompetitionConfig
from outfold.data.loading.find_ids import SEPARATORS, find_ids, plain, row_numbers, same_ids, translated_ids
from outfold.data.loading.ids import repeated_ids
from outfold.data.loading.long_form import find_long_rows
from outfold.data.loading.row_ids import ROW_NUMBER, RowIds, joined
from outfold.data.loading.sample import Sample
from outfold.data.loading.sample_format import LongRows
from outfold.data.reading.tables import Table
from outfold.data.targets.values import class_values, present, split_cell
from outfold.errors import ConfigError, DataError, in_yaml, nearest, quoted, some

_CALLED_IDS = ("id", "key", "index", "uuid", "guid")
"""Endings, without case and punctuation, of the names of columns that are ids."""


@dataclass(frozen=True)
class TestIds:
    """The ids of the test rows.

    Attributes:
        rule: how the rows got them.
        index: the ids in the order of the table, as the sample submission writes them.
        long: the rows of the sample submission, where they are one per id and output.
        notes: what was guessed.
    """

    rule: RowIds
    index: pd.Index
    long: LongRows | None = None
    notes: tuple[str, ...] = ()


def long_forms(sample: Sample, config: CompetitionConfig, train: pd.DataFrame) -> Iterator[LongRows]:
    """The ways in which the rows of the sample submission are an id and an output each."""
    for labels in _labels(config, train):
        found = find_long_rows(sample.frame, sample.id_column, labels)
        if found is not None:
            yield found


def _labels(config: CompetitionConfig, train: pd.DataFrame) -> Iterator[list[str]]:
    """What a row of the sample submission may speak of: the targets, the classes, or the tags."""
    if len(config.target) > 1:
        yield list(config.target)
        return
    if config.target[0] not in train.columns:
        return
    values = present(train[config.target[0]]).drop_duplicates()
    if values.dtype.kind == "f" and (values % 1 != 0).any():
        return
    classes = sorted({str(value) for value in class_values(values)})
    yield classes
    tags = sorted({tag for cell in classes for tag in split_cell(cell, config.tag_separator)})
    if tags != classes:
        yield tags


def match_test(
    config: CompetitionConfig,
    sample: Sample,
    table: Table,
    written: Callable[[], pd.DataFrame],
    longs: Callable[[], Iterator[LongRows]],
) -> TestIds:
    """The ids of a test table's rows: by the column or the rule that is named, or by whatever gives the sample's ids.

    Args:
        table: the test table.
        written: the same, every cell as the text that it is in the file; read when needed.
        longs: :func:`long_forms`, looked for when needed.

    Raises:
        ConfigError: a column that is not there, or row numbers that are not the ids.
        DataError: an id is missing, nothing gives the sample's ids, or several things give different ones.
    """
    named = _named(config, sample, table.frame)
    if config.test_id == ROW_NUMBER:
        return _numbered(sample, table, longs())
    if named is not None and len(named.columns) > 1:
        named = _with_separator(named, sample, written())
    index = None if named is None else named.of(written() if named.key == "test_id" else table.frame, table.path)
    forms = [None, *longs()] if index is None or not same_ids(index, sample.ids) else [None]
    for long in forms:
        wanted = _wanted(sample, long)
        if len(forms) > 1 and len(repeated_ids(wanted)):
            continue
        if named is not None and index is not None:
            if same_ids(index, wanted):
                return TestIds(named, index, long, long_note(sample, long))
            found = translated_ids(index, wanted)
            if found is not None:
                note = f"{table.path.name}: {named} matched with the ids of {sample.path.name} {found[1]}"
                return TestIds(named, found[0], long, (note, *long_note(sample, long)))
        if config.test_id is None and len(table.frame) == len(wanted):
            rule = _found(sample, table, written(), wanted, config.target, named)
            if rule is not None:
                own = _exactly(rule.of(written(), table.path), wanted)
                return TestIds(rule, own, long, (_guessed(table.path, sample, rule), *long_note(sample, long)))
    repeated = repeated_ids(sample.ids)
    if len(repeated) and all(long is None for long in forms):
        raise repeated_in_sample(sample, repeated)
    if named is None or index is None:
        raise _no_ids(table, sample)
    nearest_form = max(forms, key=lambda long: len(index.intersection(_wanted(sample, long))))
    foreign = config.test_id is None and named.column not in sample.frame.columns
    if foreign and index.intersection(_wanted(sample, nearest_form)).empty:
        raise _not_the_id(sample, f"none of its values in {table.path} is an id of that file", named.columns[0])
    return TestIds(named, index, nearest_form, long_note(sample, nearest_form))


def _named(config: CompetitionConfig, sample: Sample, frame: pd.DataFrame) -> RowIds | None:
    declared = config.test_id if config.test_id is not None else sample.id_parts
    if declared:
        return RowIds.declared(declared, "test_id")
    names = [sample.id_column, *([config.id] if config.id else [])]
    return next((RowIds((name,)) for name in names if name in frame.columns), None)


def _with_separator(rule: RowIds, sample: Sample, written: pd.DataFrame) -> RowIds:
    """Several columns joined as the first id of the sample submission is, where a row has that id in any such form."""
    columns = [name for name in rule.columns if name in written.columns]
    rows = written[columns].dropna()
    if len(columns) < len(rule.columns) or rows.empty or not len(sample.ids):
        return rule
    first = str(sample.ids[0])
    fitting = (one for one in SEPARATORS if (joined(rows, columns, one) == first).any())
    return replace(rule, separator=next(fitting, rule.separator))


def _wanted(sample: Sample, long: LongRows | None) -> pd.Index:
    return sample.ids if long is None else pd.Index(long.ids, dtype=object, name="id")


def _numbered(sample: Sample, table: Table, longs: Iterator[LongRows]) -> TestIds:
    for long in (None, *longs):
        wanted = _wanted(sample, long)
        numbers = row_numbers(wanted)
        if numbers is not None and len(numbers) == len(table.frame):
            rule = RowIds(numbers=numbers, key="test_id")
            return TestIds(rule, rule.of(table.frame, table.path), long, long_note(sample, long))
    wide = row_numbers(sample.ids)
    told = f"{table.path} has {len(table.frame):,} rows, and {sample.path} lists {len(sample.ids):,} ids"
    if wide is None:
        told = f"the ids of {sample.path} are not consecutive numbers: {some(sample.ids)}"
    raise ConfigError(
        f"competition/competition.yaml: test_id: row_number: {told}",
        remedy="Name the columns that an id is made of: `test_id: [<columns>]`.",
    )


def _found(
    sample: Sample,
    table: Table,
    written: pd.DataFrame,
    wanted: pd.Index,
    targets: Collection[str],
    named: RowIds | None,
) -> RowIds | None:
    """The one rule that gives the wanted ids; a table that has an id column is not numbered instead."""
    rules = find_ids(written, wanted, {*targets, *(named.columns if named else ())}, sample.id_column)
    if len(rules) > 1:
        ways = " or ".join(f"`test_id: [{', '.join(map(in_yaml, rule.columns))}]`" for rule in rules[:3])
        raise DataError(
            f"{table.path}: several columns hold the ids of {sample.path}, in different orders: "
            f"{some(map(str, rules))}",
            remedy=f"Say which: {ways}.",
        )
    return rules[0] if rules and not (named is not None and not rules[0].columns) else None


def _exactly(ids: pd.Index, wanted: pd.Index) -> pd.Index:
    found = None if same_ids(ids, wanted) else translated_ids(ids, wanted)
    return ids if found is None else found[0]


def _guessed(path: Path, sample: Sample, rule: RowIds) -> str:
    what = f"the ids of {sample.path.name} ({sample.id_column})"
    if rule.column is not None:
        return f"{path.name}: its column {rule.column!r} holds {what}"
    if rule.columns:
        return f"{path.name}: {' and '.join(rule.columns)}, joined by {rule.separator!r}, are {what}"
    return f"{path.name}: no id column; its rows are numbered from {(rule.numbers or '0')[0]}, as in {sample.path.name}"


def long_note(sample: Sample, long: LongRows | None) -> tuple[str, ...]:
    return () if long is None else (long.told(sample.path.name, sample.id_column),)


def repeated_in_sample(sample: Sample, repeated: pd.Index) -> DataError:
    """The error for a sample submission in which ids stand twice."""
    return DataError(
        f"{sample.path}: {len(repeated)} values of {sample.id_column} stand on more than one row: {some(repeated)}",
        remedy="Make the ids unique, or name another id column: `id: <column>`. In a file with a row per id and class "
        "or target, each id must stand there once with each of them.",
    )


def _no_ids(table: Table, sample: Sample) -> DataError:
    names = [str(name) for name in table.frame.columns]
    hint = nearest(sample.id_column, names) or f"its columns are {some(names, limit=8)}"
    few, many = len(table.frame), len(sample.ids)
    rows = f"{few:,} rows, the sample {many:,}" if few != many else "and no columns of it make the ids of the sample"
    return DataError(
        f"{table.path}: there is no id column {sample.id_column!r} ({rows}); {hint}",
        remedy="Say how its rows get their ids: `test_id: [<columns>]`, or `test_id: row_number` where the ids of the "
        f"sample count its rows. If {sample.id_column!r} is not the id column of the sample, name it: `id: <column>`.",
    )


def train_rule(
    config: CompetitionConfig, sample: Sample, test: RowIds, frame: pd.DataFrame, path: Path, known: Collection[str]
) -> tuple[RowIds, tuple[str, ...]]:
    """How the rows of a training table get their ids, and what was guessed. Ids of training rows are sent to nobody.

    Args:
        test: how the test rows get theirs.
        known: columns of the test table.
    """
    if config.train_id is not None:
        return RowIds.declared(config.train_id, "train_id"), ()
    names = [name for name in frame.columns if name not in config.target]
    for name in (sample.id_column, config.id, test.column):
        if name is not None and name in names:
            return RowIds((name,)), ()
    if len(test.columns) > 1 and set(test.columns) <= set(names):
        rule = replace(test, key="id")
        if not frame[list(rule.columns)].isna().any(axis=None) and rule.of(frame, path).is_unique:
            return rule, (f"{path.name}: rows named by {rule}, as in the test table",)
    alike = get_close_matches(plain(sample.id_column), [plain(str(name)) for name in names], cutoff=0.8)
    called = [
        name
        for name in names
        if name not in known and (plain(str(name)).endswith(_CALLED_IDS) or plain(str(name)) in alike)
    ]
    unique = [name for name in called if frame[name].notna().all() and frame[name].is_unique]
    if len(unique) == 1:
        return RowIds((str(unique[0]),)), (f"{path.name}: its column {unique[0]!r} was taken for its ids",)
    return RowIds(), (f"{path.name}: no id column; its rows are numbered from 0",)


def require_id_key(config: CompetitionConfig, sample: Sample, table: Table, rule: RowIds) -> None:
    """See that a column that the key ``id`` names, and that the sample submission lacks, holds the ids of this table.

    Args:
        rule: how the rows of the table get their ids.

    Raises:
        ConfigError: the table has that column, and its ids are in another one.
    """
    name = config.id
    if name is None or name in sample.frame.columns or name not in table.frame.columns or name in rule.columns:
        return
    raise _not_the_id(sample, f"in {table.path} the ids are {rule}", name)


def _not_the_id(sample: Sample, why: str, name: str) -> ConfigError:
    return ConfigError(
        f"competition/competition.yaml: id: {quoted(name)} is not the id column: {sample.path} has no such column, and "
        f"{why}",
        remedy=f"Name the id column of {sample.path.name}: `id: {in_yaml(sample.id_column)}`.",
    )


def repeated_in_train(frame: pd.DataFrame, rule: RowIds, targets: Collection[str], known: Collection[str]) -> str:
    """What to do about training rows of one id: the columns that tell them apart, and a group."""
    name = rule.columns[0]
    others = [
        str(column)
        for column in frame.columns
        if column not in (*targets, *rule.columns) and frame[column].dtype.kind != "f"
    ]
    # what the test table lacks (a visit, a date of entry) rather tells rows apart than a feature does
    others.sort(key=lambda column: column in known)
    apart = next((column for column in others if _tells_apart(frame, [*rule.columns, column])), None)
    way = "row_number" if apart is None else f"[{', '.join(map(in_yaml, [*rule.columns, apart]))}]"
    group = f"`columns: {{group: {in_yaml(name)}}}`"
    return f"Say what tells these rows apart: `train_id: {way}`. {group} keeps them in one fold."


def _tells_apart(frame: pd.DataFrame, columns: Sequence[str]) -> bool:
    return bool(frame[columns[-1]].notna().all() and not frame.duplicated(list(columns)).any())
