"""A folder of images that are named by their class: the names are the table."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from outfold.data.images.files import folder_images
from outfold.data.reading.column_types import is_text, typed_series
from outfold.errors import DataError, quoted, some


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
