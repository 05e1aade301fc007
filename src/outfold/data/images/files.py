"""The images of a folder, by their names; what a computer's system leaves beside them is none."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from outfold.data.reading.column_types import is_text, typed_series
from outfold.errors import ConfigError, DataError, quoted, some
from outfold.file_kinds import is_system_file

_SPECTROGRAMS = "Draw a spectrogram of each as a PNG (scipy.signal.spectrogram gives it), and name those files"
_KINDS = {
    ("sound", _SPECTROGRAMS): ".wav .mp3 .ogg .oga .flac .m4a .aac .aif .aiff .opus .wma .au .mid",
    ("video", "Save frames of each as JPEGs, and name those files"): ".mp4 .avi .mov .mkv .webm .mpg .mpeg .wmv .m4v",
    ("medical scans", "Save each as a 16-bit PNG or a TIFF, and name those files"): ".dcm .dicom .nii .mha .nrrd",
    ("arrays", "Save each as a PNG, or as a TIFF of several bands, and name those files"): ".npy .npz .h5 .hdf5 .mat",
}
_BY_ENDING = {ending: kind for kind, endings in _KINDS.items() for ending in endings.split()}


def refuse_other_kinds(paths: Sequence[str], source: str) -> None:
    """Check the endings of files that should be images.

    Args:
        source: the key or folder that names them, for the message.

    Raises:
        ConfigError: more than half of them are of one other kind.
    """
    kinds = Counter(kind for path in paths if (kind := _kind(path)) is not None)
    if not kinds:
        return
    kind, count = kinds.most_common(1)[0]
    if 2 * count > len(paths):
        name, remedy = kind
        raise ConfigError(
            f"{source}: {count:,} of {len(paths):,} files are {name}, and no images: "
            f"{some([path for path in paths if _kind(path) == kind])}",
            remedy=f"{remedy} instead. For a contest of tables leave columns.image out.",
        )


def _kind(path: str) -> tuple[str, str] | None:
    stem, dot, ending = path.rpartition(".")
    return _BY_ENDING.get(f".{ending.lower()}") if dot and stem else None


IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".jp2", ".ppm", ".pgm")
"""Endings, in any case, that make a file in a folder an image, in the order in which a left-out ending is tried."""


def is_image(name: str) -> bool:
    """Whether a file is an image, by its name; a hidden file is none."""
    return name.lower().endswith(IMAGE_EXTENSIONS) and not name.startswith(".")


def is_passed_over(name: str) -> bool:
    """Whether a file or folder among the data is hidden, or a computer's own."""
    return name.startswith(".") or is_system_file(name)


def files_below(root: Path) -> Iterator[str]:
    """The paths of all files in a folder and below it; hidden ones and those of a computer's system are left out."""
    for parent, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not is_passed_over(name)]
        yield from (os.path.join(parent, name) for name in names if not is_passed_over(name))  # noqa: PTH118 - a Path each is slow


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
        ConfigError: one of files of another kind (sound, video).
    """
    root = inputs / folder
    classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not is_passed_over(entry.name))
    if not classes:
        raise DataError(
            f"{root}: expected one folder of images a class, and there is no folder in it",
            remedy="If the classes are in a table, name it: `train: train.csv`.",
        )
    names: list[tuple[str, str]] = []
    for label in classes:
        found = sorted(entry.name for entry in os.scandir(root / label) if is_image(entry.name))
        if not found:
            refuse_other_kinds(list(files_below(root / label)), str(root / label))
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
        ConfigError: there are files of another kind (sound, video).
    """
    root = inputs / folder
    paths = sorted(Path(name).relative_to(root).as_posix() for name in files_below(root) if is_image(Path(name).name))
    if not paths:
        refuse_other_kinds(list(files_below(root)), str(root))
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


def labelled_images(inputs: Path, folder: str, pattern: str) -> tuple[pd.DataFrame, list[str]]:
    """The images in a folder and below it, with what their names say of them.

    Args:
        inputs: the folder that paths are relative to.
        folder: relative to it.
        pattern: a regular expression for the whole path within the folder, without its ending.

    Returns:
        one column a named group, by id (the path within the folder), and the images relative to ``inputs``. Numbers
        are numbers where every value of a column is one, and a group that took no part in a match is a missing value.

    Raises:
        DataError: no images, or names that the pattern does not match.
    """
    images = folder_images(inputs, folder)
    matches = [re.fullmatch(pattern, name.rpartition(".")[0]) for name in images.ids]
    strange = [name for name, match in zip(images.ids, matches, strict=True) if match is None]
    if strange:
        raise DataError(
            f"{inputs / folder}: {len(strange)} of {len(images.ids)} images have a name that label_pattern "
            f"{quoted(pattern)} does not match: {some(strange)}",
            remedy="Mend the pattern (it must match the whole name, without its ending), or move these files away.",
        )
    said = [match.groupdict() for match in matches if match is not None]
    frame = pd.DataFrame(said, index=pd.Index(images.ids, dtype=object, name="id"), dtype=object)
    typed = {str(name): typed_series(frame[name]) for name in frame}
    return frame.assign(**{name: values for name, values in typed.items() if not is_text(values)}), images.paths
