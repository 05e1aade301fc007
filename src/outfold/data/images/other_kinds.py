"""Refusal of sound, video and other files that are named as images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from outfold.errors import ConfigError, some

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
