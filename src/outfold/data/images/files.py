"""Where a row's image lies: by template, by a column, or by folder; and which of them are not there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Formatter

import numpy as np
import pandas as pd

from outfold.data.images.outside import check_within_folder
from outfold.errors import ConfigError, DataError, nearest, some
from outfold.store.outside_inputs import image_folder

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".jp2", ".ppm", ".pgm")
"""Endings, in any case, that make a file in a folder an image, in the order in which a left-out ending is tried."""


def is_image(name: str) -> bool:
    """Whether a file is an image, by its name."""
    return name.lower().endswith(IMAGE_EXTENSIONS)


def template_fields(source: str) -> list[str]:
    """The columns that a template names in braces; none for the name of a column.

    Raises:
        ConfigError: braces that do not match.
    """
    try:
        return [field for _, field, _, _ in Formatter().parse(source) if field is not None]
    except ValueError as error:
        raise ConfigError(
            f"competition/competition.yaml: columns.image: {source!r} is not a template ({error})"
        ) from None


def render(source: str, frame: pd.DataFrame, id_column: str, table: Path) -> list[str]:
    """Each row's image file, relative to inputs/.

    Args:
        source: a template such as ``train/{id}.jpg``, or the name of a column.
        frame: the rows by id.
        id_column: its name in the table; ``{id}`` means it too.
        table: for messages.

    Raises:
        ConfigError: a column that is not there.
        DataError: rows where a column of the template is empty.
    """
    is_template = "{" in source
    parts = list(Formatter().parse(source)) if is_template else [("", source, "", None)]
    pieces: list[list[str] | str] = []
    for literal, field, spec, _ in parts:
        pieces.append(literal)
        if field is not None:
            pieces.append(_texts(source, field, spec or "", frame, id_column, table))
    columns = [[piece] * len(frame) if isinstance(piece, str) else piece for piece in pieces]
    paths = ["".join(row) for row in zip(*columns, strict=True)]
    check_within_folder(paths, image_folder(source), frame.index, table)
    return paths


def _texts(source: str, field: str, spec: str, frame: pd.DataFrame, id_column: str, table: Path) -> list[str]:
    if field in ("id", id_column) and field not in frame.columns:
        values = frame.index.to_series()
    elif field in frame.columns:
        values = frame[field]
    else:
        known = [id_column, *map(str, frame.columns)]
        hint = nearest(field, known) or f"its columns are {some(known, limit=8)}"
        raise ConfigError(
            f"competition/competition.yaml: columns.image: {source!r}: {table} has no column {field!r}; {hint}",
            remedy="A template names columns in braces, such as train/{id}.jpg; train and test may have one each.",
        )
    lost = np.flatnonzero(values.isna())
    if len(lost):
        raise DataError(
            f"{table}: {field}, which names the images, is empty in {len(lost)} rows: {some(frame.index[lost])}"
        )
    if values.dtype.kind == "f" and (values % 1 == 0).all():
        values = values.astype(np.int64)
    texts = [str(value) for value in values.tolist()]
    if not spec:
        return texts
    try:
        return [format(int(text) if text.lstrip("-").isdigit() else text, spec) for text in texts]
    except ValueError as error:
        raise ConfigError(f"competition/competition.yaml: columns.image: {source!r}: {field}: {error}") from None


class Listing:
    """The files of one folder, listed once."""

    def __init__(self, folder: str) -> None:
        try:
            self.names = frozenset(os.listdir(folder))  # noqa: PTH208 - a Path each is slow
        except (FileNotFoundError, NotADirectoryError):
            self.names = frozenset()

    def __contains__(self, name: str) -> bool:
        return name in self.names

    @cached_property
    def by_stem(self) -> dict[str, str]:
        """For a name without its ending the image that has it."""
        rank = {ending: position for position, ending in enumerate(IMAGE_EXTENSIONS)}
        images = [(rank[ending], name) for name in self.names if (ending := _ending(name)) in rank]
        return {name[: -len(_ending(name))]: name for _, name in sorted(images, reverse=True)}


def _ending(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if stem and dot else ""


def locate(inputs: Path, relative: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Find the images, with one listing a folder; a name whose ending was left out gets the ending that is there.

    Returns:
        absolute paths in the same order, and a mask (n,) of those that are there.
    """
    base = os.fspath(inputs.absolute())
    listings: dict[str, Listing] = {}
    paths: list[str] = []
    there = np.ones(len(relative), dtype=bool)
    for row, path in enumerate(relative):
        folder, _, name = path.rpartition("/")
        listing = listings.get(folder)
        if listing is None:
            listing = listings[folder] = Listing(os.path.join(base, folder))  # noqa: PTH118 - an absolute one stays
        if name not in listing:
            found = listing.by_stem.get(name)
            there[row] = found is not None
            path = path[: len(path) - len(name)] + (found or name)
        paths.append(os.path.join(base, path))  # noqa: PTH118
    return paths, there


@dataclass(frozen=True)
class FolderImages:
    """The images of a folder: their paths relative to inputs/, and their class where there are class folders."""

    ids: list[str]
    paths: list[str]
    labels: list[str]


def class_folders(inputs: Path, folder: str) -> tuple[FolderImages, tuple[str, ...]]:
    """One folder of images a class. The id is the file's name, or ``class/file`` where names repeat between classes.

    Returns:
        the images, sorted by class and name, and warnings.

    Raises:
        DataError: no class folders, or one without images.
    """
    root = inputs / folder
    classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))
    if not classes:
        raise DataError(
            f"{root}: expected one folder of images a class, and there is no folder in it",
            remedy="If the classes are in a table, name it: `train: train.csv`.",
        )
    names: list[tuple[str, str]] = []
    for label in classes:
        found = sorted(entry.name for entry in os.scandir(root / label) if is_image(entry.name))
        if not found:
            raise DataError(f"{root / label}: no images in this class folder", remedy="Remove it, or fill it.")
        names += [(label, name) for name in found]
    loose = [entry.name for entry in os.scandir(root) if entry.is_file() and is_image(entry.name)]
    notes = (f"{root}: {len(loose)} images lie in no class folder and are left out ({some(loose)})",) if loose else ()
    unique = len({name for _, name in names}) == len(names)
    ids = [name if unique else f"{label}/{name}" for label, name in names]
    prefix = Path(folder).as_posix()
    return FolderImages(
        ids, [f"{prefix}/{label}/{name}" for label, name in names], [label for label, _ in names]
    ), notes


def folder_images(inputs: Path, folder: str) -> FolderImages:
    """Every image in a folder and below it, sorted by path; the id is the path within the folder.

    Raises:
        DataError: there are none.
    """
    root = inputs / folder
    paths = sorted(
        (Path(parent) / name).relative_to(root).as_posix()
        for parent, _, names in os.walk(root)
        for name in names
        if is_image(name)
    )
    if not paths:
        raise DataError(f"{root}: there are no images in this folder")
    prefix = Path(folder).as_posix()
    return FolderImages(paths, [f"{prefix}/{path}" for path in paths], [])


def name_test_images(images: FolderImages, sample_ids: pd.Index) -> FolderImages:
    """The same images, called as the sample submission calls them: path, file name, or file name without its ending."""
    wanted = set(sample_ids.astype(str))
    forms = (
        images.ids,
        [path.rsplit("/", 1)[-1] for path in images.ids],
        [path.rsplit("/", 1)[-1].rsplit(".", 1)[0] for path in images.ids],
        [path.rsplit(".", 1)[0] for path in images.ids],
    )
    best = max(forms, key=lambda ids: len(wanted.intersection(ids)))
    return FolderImages(list(best), images.paths, images.labels)
