"""The two parts of a contest, train and test, as tables by id, whether they come as tables or as folders of images."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from outfold.config.competition import CompetitionConfig
from outfold.data.images.files import class_folders, folder_images, name_test_images
from outfold.data.images.label_pattern import labelled_images
from outfold.data.parts.ids import take_ids
from outfold.data.parts.roles import declared_columns
from outfold.data.parts.train_ids import with_train_ids
from outfold.data.reading.column_types import MISSING_WORDS, is_text
from outfold.data.reading.tables import Table, column_names, read_table
from outfold.errors import DataError, nearest, some
from outfold.store.layout import Layout

USUAL_TEST = "test.csv"


@dataclass(frozen=True)
class Part:
    """Rows by id (text), where they come from, and, for a folder, each row's image relative to inputs/."""

    path: Path
    frame: pd.DataFrame
    images: list[str] | None = None
    notes: tuple[str, ...] = ()

    def some(self, mask: np.ndarray) -> Part:
        """These rows only."""
        images = None if self.images is None else [path for path, taken in zip(self.images, mask, strict=True) if taken]
        return replace(self, frame=self.frame[mask], images=images)

    def without(self, ids: pd.Index) -> Part:
        """All rows but these."""
        return self.some(~self.frame.index.isin(ids)) if len(ids) else self


def find_input(layout: Layout, key: str, name: str) -> Path:
    """The file or folder that a key of the contest file names.

    Raises:
        DataError: it is not there, with the nearest names in inputs/.
    """
    path = layout.inputs / name
    if not path.exists():
        there = sorted(entry.name for entry in layout.inputs.iterdir()) if layout.inputs.is_dir() else []
        hint = nearest(name, there) or (f"inputs/ holds {some(there)}" if there else "inputs/ is empty")
        raise DataError(
            f"{path}: no such file or folder, and competition/competition.yaml names it as {key}; {hint}",
            remedy="Run `outfold download`, put it there, or mend the name.",
        )
    return path


def read_sample(config: CompetitionConfig, layout: Layout) -> tuple[Part, str]:
    """The sample submission by id, and the name of the id column.

    Raises:
        DataError: it is missing or damaged, or an id is missing or stands twice.
    """
    path = find_input(layout, "sample_submission", config.sample_submission)
    if path.is_dir():
        raise DataError(f"{path}: this is a folder; sample_submission must name a file")
    id_column = config.id or column_names(path)[0]
    table = read_table(path, verbatim={id_column}, cache=layout.cache)
    frame = take_ids(table.frame, id_column, path)
    if not len(frame.columns):
        raise DataError(f"{path}: there is no column beside {id_column}; expected the columns to be predicted")
    return Part(path, frame, notes=table.notes), id_column


def read_parts(
    config: CompetitionConfig, layout: Layout, sample: Part, id_column: str, naming: Collection[str]
) -> tuple[Part, Part]:
    """The training and the test rows. Text and numbers are told apart alike in both.

    Args:
        config: the contest file.
        layout: where the files lie.
        sample: the sample submission, whose rows are the test set where nothing else lists them.
        id_column: read as text.
        naming: columns that name the images: left as text, since ``007`` in them is ``007.png``.

    Raises:
        DataError: a file is missing or damaged, or an id is missing or stands twice.
    """
    if config.test is None and (layout.inputs / USUAL_TEST).exists():
        config = config.model_copy(update={"test": USUAL_TEST})
    train_path = find_input(layout, "train", config.train)
    test_path = find_input(layout, "test", config.test) if config.test else sample.path
    verbatim = {id_column, *naming}
    read = partial(read_table, targets=config.target, cache=layout.cache)
    test = _test_without_table(config, layout, sample, test_path)
    if train_path.is_dir():
        train = _train_folder(config, layout, train_path)
        return train, test or _part(read(test_path, verbatim=verbatim), id_column, config)
    if config.label_pattern is not None:
        raise DataError(
            f"{train_path}: this is a table, and label_pattern reads the classes from the names of images",
            remedy="Name the folder of images as train, or leave label_pattern out.",
        )
    first = read(train_path, verbatim=verbatim)
    if test is not None:
        return _part(_with_ids(first, id_column, config), id_column, config), test
    second = read(test_path, verbatim=verbatim)
    mixed = _mixed(first.frame, second.frame, {*verbatim, *config.target})
    if mixed:
        first, second = (
            replace(table, frame=_with_text(read(table.path, verbatim={*verbatim, *mixed}).frame, mixed))
            for table in (first, second)
        )
        both = f"{train_path.name} and {test_path.name}"
        note = f"{some(mixed)}: text in one of {both}, numbers in the other; read as text in both"
        first = replace(first, notes=(*first.notes, note))
    # what is said of a column is said once
    second = replace(second, remarks={name: said for name, said in second.remarks.items() if name not in first.remarks})
    return _part(_with_ids(first, id_column, config), id_column, config), _part(second, id_column, config)


def _train_folder(config: CompetitionConfig, layout: Layout, path: Path) -> Part:
    """The training rows of a folder of images: its class folders, or the names of its files, say the class."""
    if config.label_pattern is not None:
        frame, images = labelled_images(layout.inputs, config.train, config.label_pattern)
        return Part(path, frame, images)
    found, notes = class_folders(layout.inputs, config.train)
    frame = pd.DataFrame({config.target[0]: found.labels}, index=pd.Index(found.ids, dtype=object, name="id"))
    return Part(path, frame, found.paths, notes)


def _test_without_table(config: CompetitionConfig, layout: Layout, sample: Part, path: Path) -> Part | None:
    """The test rows where no table lists them: a folder of images, or the rows of the sample submission."""
    if config.test is None:
        return Part(path, sample.frame[[]])
    if not path.is_dir():
        return None
    images = name_test_images(folder_images(layout.inputs, config.test), sample.frame.index)
    ids = pd.Index(images.ids, dtype=object, name="id")
    if not ids.is_unique:
        twice = ids[ids.duplicated()].unique()
        raise DataError(f"{path}: {len(twice)} names stand for more than one image: {some(twice)}")
    return Part(path, pd.DataFrame(index=ids), images.paths)


def _with_ids(table: Table, id_column: str, config: CompetitionConfig) -> Table:
    if config.train_id is None:
        return table
    return replace(table, frame=with_train_ids(table.frame, id_column, config.train_id, table.path))


def _part(table: Table, id_column: str, config: CompetitionConfig) -> Part:
    decided = {id_column, *declared_columns(config.columns)}
    remarks = (f"{table.path.name}: {said}" for name, said in table.remarks.items() if name not in decided)
    return Part(table.path, take_ids(table.frame, id_column, table.path), notes=(*table.notes, *remarks))


def _mixed(train: pd.DataFrame, test: pd.DataFrame, apart: Collection[str]) -> list[str]:
    """Columns that are text in one table, and something else in the other, where they hold anything at all."""
    return [
        name
        for name in train.columns
        if name in test.columns
        and name not in apart
        and is_text(train[name]) != is_text(test[name])
        and train[name].notna().any()
        and test[name].notna().any()
    ]


def _with_text(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    for name in names:
        values = frame[name] if is_text(frame[name]) else frame[name].astype(object).map(str, na_action="ignore")
        frame[name] = values.where(~values.isin(MISSING_WORDS), np.nan)
    return frame
