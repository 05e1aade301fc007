"""The two parts of a contest, train and test, by id, whether they come as tables or as folders of images."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from outfold.config.competition import CompetitionConfig
from outfold.data.images.files import class_folders, folder_images, labelled_images, name_test_images
from outfold.data.loading.ids import repeated_ids
from outfold.data.loading.long_form import widened
from outfold.data.loading.match_ids import (
    TestIds,
    long_forms,
    long_note,
    match_test,
    repeated_in_sample,
    repeated_in_train,
    require_id_key,
    train_rule,
)
from outfold.data.loading.roles import declared_columns
from outfold.data.loading.row_ids import RowIds
from outfold.data.loading.sample import Sample, read_sample
from outfold.data.loading.sample_format import LongRows
from outfold.data.loading.tables import Part, Tables, find_input, read_tables, table_notes
from outfold.data.reading.tables import column_names, read_table
from outfold.errors import DataError, in_yaml, some
from outfold.store.paths import Layout

USUAL_TEST = "test.csv"


@dataclass(frozen=True)
class Parts:
    """The rows of a contest by id, and how the sample submission lists those of the test set.

    Attributes:
        sample: the sample submission as it stands.
        long: its rows, where they are one per id and output.
        kept_ids: id columns that are columns of the tables, too, since the contest file uses them; text as they stand.
        rules: for ``train`` and ``test``, where they are tables, how their rows got their ids, in words.
        notes: what was guessed.
    """

    train: Part
    test: Part
    sample: Sample
    long: LongRows | None
    kept_ids: frozenset[str]
    rules: dict[str, str]
    notes: tuple[str, ...]


def read_parts(config: CompetitionConfig, layout: Layout, naming: Collection[str]) -> Parts:
    """Read the training rows, the test rows and the sample submission.

    Args:
        config: the contest file.
        layout: where the files lie.
        naming: columns that name the images: left as text, since ``007`` in them is ``007.png``.

    Raises:
        ConfigError: a column that is not there, or row numbers that are not the ids.
        DataError: a file is missing or damaged, or an id is missing or stands twice.
    """
    if config.test is None and (layout.inputs / USUAL_TEST).exists():
        config = config.model_copy(update={"test": USUAL_TEST})
    train_path = find_input(layout, "train", config.train)
    test_path = find_input(layout, "test", config.test) if config.test else None
    tables = [path for path in (test_path, train_path) if path is not None and not path.is_dir()]
    sample = read_sample(config, layout, tables)
    reader = _Reader(config, layout, sample, train_path, test_path, naming)
    return reader.parts()


class _Reader:
    """One reading of a contest's files; paths are None where a folder of images, or nothing, is in a table's place."""

    def __init__(
        self,
        config: CompetitionConfig,
        layout: Layout,
        sample: Sample,
        train_path: Path,
        test_path: Path | None,
        naming: Collection[str],
    ) -> None:
        self.config, self.layout, self.sample, self.naming = config, layout, sample, naming
        self.train_path, self.test_path = train_path, test_path
        self.train_table = None if train_path.is_dir() else train_path
        self.test_table = None if test_path is None or test_path.is_dir() else test_path
        if self.train_table is not None and config.label_pattern is not None:
            raise DataError(
                f"{train_path}: this is a table, and label_pattern reads the classes from the names of images",
                remedy="Name the folder of images as train, or leave label_pattern out.",
            )
        self.asked = _asked_columns(config)
        self.id_names = {sample.id_column, *([config.id] if config.id else [])}
        own = config.test_id if isinstance(config.test_id, list) and len(config.test_id) == 1 else []
        self.verbatim = {*self.id_names, *own, *naming}

    def parts(self) -> Parts:
        """The rows of both parts."""
        tables = self._tables()
        train = self._train_folder() if tables.train is None else None
        frame = tables.train.frame if tables.train is not None else train.frame if train is not None else pd.DataFrame()

        def longs() -> Iterator[LongRows]:
            return long_forms(self.sample, self.config, frame)

        if tables.test is None or self.test_table is None:
            test, found = self._test_without_table(longs())
        else:
            found = match_test(self.config, self.sample, tables.test, self._written, longs)
            if self.config.test_id is None:
                require_id_key(self.config, self.sample, tables.test, found.rule)
            column = found.rule.column
            if column is not None and column not in self.verbatim:
                self.verbatim.add(column)
                tables = self._tables()
            test = self._test_part(tables, found)
        notes = found.notes
        rules: dict[str, str] = {}
        if train is None:
            train, rule, said = self._train_part(tables, found.rule)
            rules["train"], notes = str(rule), (*notes, *said)
        if self.test_table is not None:
            rules["test"] = str(found.rule)
        kept = frozenset(self.asked & {*self.id_names, *found.rule.columns})
        return Parts(train, test, self.sample, found.long, kept, rules, notes)

    def _tables(self) -> Tables:
        tables = read_tables(self.config, self.layout, self.train_table, self.test_table, self.verbatim)
        if tables.train is None:
            return tables
        return replace(tables, train=widened(tables.train, self.config, self.sample))

    def _written(self) -> pd.DataFrame:
        """The test table, every cell of a CSV as the text that it is."""
        assert self.test_table is not None
        names = column_names(self.test_table)
        return read_table(self.test_table, verbatim=set(names), cache=self.layout.cache).frame

    def _test_part(self, tables: Tables, found: TestIds) -> Part:
        table = tables.test
        assert table is not None
        twice = repeated_ids(found.index)
        if len(twice):
            raise DataError(
                f"{table.path}: {len(twice)} values of {found.rule} stand on more than one row: {some(twice)}",
                remedy="Each test row is one id of the sample: name further columns, `test_id: [<columns>]`.",
            )
        return self._indexed(
            table.frame, table.path, found.rule, found.index, table_notes(table, self.config, self.id_names)
        )

    def _train_part(self, tables: Tables, test: RowIds) -> tuple[Part, RowIds, tuple[str, ...]]:
        table = tables.train
        assert table is not None
        frame, path = table.frame, table.path
        known = [] if tables.test is None else [str(name) for name in tables.test.frame.columns]
        rule, notes = train_rule(self.config, self.sample, test, frame, path, known)
        if self.config.id not in test.columns:
            require_id_key(self.config, self.sample, table, rule)
        if rule.column is None and self.config.train_id is None and set(self.naming) & {"id", *self.id_names}:
            raise _no_id_for_images(table.path, self.sample.id_column, frame)
        index = rule.of(frame, path)
        twice = repeated_ids(index)
        if len(twice):
            raise DataError(
                f"{path}: {len(twice)} values of {' and '.join(rule.columns)} stand on more than one row: "
                f"{some(twice)}",
                remedy=repeated_in_train(frame, rule, self.config.target, known),
            )
        notes = (*notes, *self._torn(frame, rule, path))
        # a column that train_id names stays a feature where the test rows have it and are not named by it
        single = rule.key == "train_id" and rule.column in known and rule.column != test.column
        said = table_notes(table, self.config, self.id_names)
        return self._indexed(frame, path, rule, index, said, keep=single), rule, notes

    def _torn(self, frame: pd.DataFrame, rule: RowIds, path: Path) -> tuple[str, ...]:
        """A note where rows of one id may stand on both sides of a split."""
        folds = self.config.folds
        if self.config.columns.group or folds.group or folds.date or folds.column or rule.column is not None:
            return ()
        name = next((name for name in (self.config.id, self.sample.id_column) if name in frame.columns), None)
        if name is None or name in self.config.target or frame[name].is_unique:
            return ()
        many = int(frame.loc[frame[name].duplicated(), name].nunique())
        return (
            f"{path.name}: {many:,} values of {name} stand on several rows, which folds may tear apart; "
            f"`columns: {{group: {in_yaml(name)}}}` keeps them together",
        )

    def _indexed(
        self,
        frame: pd.DataFrame,
        path: Path,
        rule: RowIds,
        index: pd.Index,
        notes: tuple[str, ...],
        *,
        keep: bool = False,
    ) -> Part:
        drop = rule.column is not None and rule.column not in self.asked and not keep
        rest = frame.drop(columns=rule.column) if drop else frame.copy(deep=False)
        rest.index = index
        names = tuple(sorted({*self.id_names, *([rule.column] if rule.column else [])}))
        return Part(path, rest, notes=notes, id_names=names)

    def _train_folder(self) -> Part:
        """The training rows of a folder of images: its class folders, or the names of its files, say the class."""
        config, names = self.config, tuple(sorted(self.id_names))
        if config.label_pattern is not None:
            frame, images = labelled_images(self.layout.inputs, config.train, config.label_pattern)
            return Part(self.train_path, frame, images, id_names=names)
        found, notes = class_folders(self.layout.inputs, config.train)
        frame = pd.DataFrame({config.target[0]: found.labels}, index=pd.Index(found.ids, dtype=object, name="id"))
        return Part(self.train_path, frame, found.paths, notes, id_names=names)

    def _test_without_table(self, longs: Iterable[LongRows]) -> tuple[Part, TestIds]:
        """The test rows where no table lists them: a folder of images, or the rows of the sample submission."""
        sample, names = self.sample, tuple(sorted(self.id_names))
        rule = RowIds((sample.id_column,))
        if self.test_path is None:
            long = next((found for found in longs if self._is_surely_long(found)), None)
            found = TestIds(rule, self._unique_ids(long), long, long_note(sample, long))
            return Part(sample.path, pd.DataFrame(index=found.index), id_names=names), found
        images = folder_images(self.layout.inputs, self.config.test or "")
        whole = _overlap(images, sample.ids) == len(images.ids)
        forms: list[LongRows | None] = [None] if whole else [None, *longs]
        # of equals the first
        long = max(forms, key=lambda one: _overlap(images, self._ids(one)))
        images = name_test_images(images, self._unique_ids(long))
        ids = pd.Index(images.ids, dtype=object, name="id")
        if not ids.is_unique:
            twice = ids[ids.duplicated()].unique()
            raise DataError(f"{self.test_path}: {len(twice)} names stand for more than one image: {some(twice)}")
        part = Part(self.test_path, pd.DataFrame(index=ids), images.paths, id_names=names)
        return part, TestIds(rule, ids, long, long_note(sample, long))

    def _is_surely_long(self, long: LongRows) -> bool:
        """Whether an id in the sample could not be a whole id, without a test table to tell."""
        several = len(self.config.target) > 1
        return several or long.label_column is not None or not all(name.isdigit() for name in long.outputs)

    def _ids(self, long: LongRows | None) -> pd.Index:
        return self.sample.ids if long is None else pd.Index(long.ids, dtype=object, name="id")

    def _unique_ids(self, long: LongRows | None) -> pd.Index:
        ids = self._ids(long)
        twice = repeated_ids(ids)
        if len(twice):
            raise repeated_in_sample(self.sample, twice)
        return ids


def _overlap(images: Any, ids: pd.Index) -> int:
    return len(set(name_test_images(images, ids).ids).intersection(ids.astype(str)))


def _asked_columns(config: CompetitionConfig) -> set[str]:
    """Columns that the contest file uses, an id among them: for a role, the folds or a feature."""
    folds, asked = config.folds, declared_columns(config.columns)
    asked |= {name for name in (config.columns.group, folds.group, folds.date, folds.column) if name is not None}
    return asked | set(_texts([entry.model_dump(exclude_defaults=True) for entry in config.features]))


def _texts(value: Any) -> Iterator[str]:
    """Every text in nested lists and mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _no_id_for_images(path: Path, id_column: str, frame: pd.DataFrame) -> DataError:
    names = [str(name) for name in frame.columns]
    return DataError(
        f"{path}: there is no id column {id_column!r}, by which columns.image finds the images; its columns are "
        f"{some(names, limit=8)}",
        remedy="Name the column in the template: `columns: {image: {train: train/{<column>}.jpg, test: ...}}`.",
    )
