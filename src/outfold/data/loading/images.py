"""The images of a contest's rows: one a row, all there, or told together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from outfold.config.competition import CompetitionConfig, ImageSource
from outfold.data.images.files import refuse_other_kinds
from outfold.data.images.name_lookup import locate
from outfold.data.images.path_templates import check_within_folder, render, template_fields
from outfold.data.loading.tables import Part
from outfold.data.reading.column_types import is_text, typed_series
from outfold.errors import ConfigError, DataError, some
from outfold.store.outside_inputs import image_folder

Found = dict[str, tuple[pd.Series, np.ndarray]]
"""For ``train`` and ``test``: the absolute paths by id, and a mask (n,) of those that are there."""


def image_columns(source: ImageSource | str | None) -> set[str]:
    """The columns that name the images: those of a template, or the column of file names itself."""
    texts = [] if source is None else [source] if isinstance(source, str) else [source.train, source.test]
    return {column for text in texts for column in (template_fields(text) if "{" in text else [text])}


def find_images(
    config: CompetitionConfig, inputs: Path, id_column: str, train: Part, test: Part
) -> tuple[Found, list[str]]:
    """Where the images of both parts lie; empty for a contest without images.

    Returns:
        the images, and what was assumed of their names.

    Raises:
        ConfigError: the contest file names a column that is not there, images for one part only, or files of another
            kind (sound, video).
        DataError: images are missing and ``on_bad_image`` is not ``drop``; all of them told together.
    """
    source = config.columns.image
    if source is None and train.images is None and test.images is None:
        return {}, []
    templates = {"train": source.train, "test": source.test} if isinstance(source, ImageSource) else {}
    found: Found = {}
    missing: list[str] = []
    notes: list[str] = []
    for name, part in (("train", train), ("test", test)):
        relative = part.images
        if relative is None:
            template = templates.get(name, source)
            if not isinstance(template, str):
                raise ConfigError(
                    f"competition/competition.yaml: columns.image: the {name} rows have no images, the others have",
                    remedy="Say where they lie: `columns: {image: {train: ..., test: ...}}`.",
                )
            relative = render(template, part.frame, _id_name(template, part, id_column), part.path)
            located = locate(inputs, relative)
            named = [path for path, exact in zip(relative, located.exact, strict=True) if exact]
            check_within_folder(named, image_folder(template), part.frame.index[located.exact], part.path)
        else:
            located = locate(inputs, relative)
        refuse_other_kinds(located.paths, "competition/competition.yaml: columns.image")
        paths, there = located.paths, located.there
        notes += located.notes(name)
        found[name] = (pd.Series(paths, index=part.frame.index, dtype=object), there)
        if not there.all():
            missing.append(_lost(name, np.array(paths, dtype=object)[~there], len(paths)))
    if missing and config.on_bad_image == "error":
        raise DataError(
            "\n".join(missing),
            remedy="Mend columns.image, or say `on_bad_image: drop` to leave such training rows out.",
        )
    return found, notes


def _id_name(template: str, part: Part, id_column: str) -> str:
    """What a template calls the id, which the tables may each call otherwise."""
    fields = template_fields(template) if "{" in template else [template]
    return next((name for name in part.id_names if name in fields), id_column)


def _lost(part: str, paths: Sequence[str], of: int) -> str:
    return f"{len(paths)} of {of} {part} images are not there: {some(paths)}"


def drop_missing(train: Part, found: Found) -> tuple[Part, Found, list[str]]:
    """Without the training rows whose image is not there. Test rows stay, since each needs a prediction.

    Returns:
        the training rows, their images, and warnings.

    Raises:
        DataError: no training row is left.
    """
    notes = []
    paths, there = found["train"]
    if not there.any():
        raise DataError(
            f"none of the {len(there)} training images is there: {some(paths)}", remedy="Mend columns.image."
        )
    if not there.all():
        lost = train.frame.index[~there]
        notes.append(f"{len(lost)} training rows are dropped, since their image is not there: {some(lost)}")
        train = replace(train, frame=train.frame[there], images=None)
    test_paths, test_there = found["test"]
    if not test_there.all():
        lost = test_paths.index[~test_there]
        notes.append(f"{len(lost)} test rows have no image and are predicted from a grey one: {some(lost)}")
    return train, {"train": (paths[there], there[there]), "test": found["test"]}, notes


def type_columns(
    columns: Collection[str], train: pd.DataFrame, test: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Columns kept as text, since they name images or rows, as numbers where they are numbers in both parts."""
    for name in sorted(set(columns) & set(train.columns)):
        parts = [typed_series(frame[name]) for frame in (train, test) if name in frame.columns]
        if not any(is_text(part) for part in parts):
            train = train.assign(**{name: parts[0]})
            test = test.assign(**{name: parts[1]}) if len(parts) > 1 else test
    return train, test
