"""Images of any number of bands and bits: every band of a file, brought to eight bits by a rule that is written down.

Multi-band TIFF (satellites, microscopes) is read by tifffile: bands interleaved, planar, or a page each.
"""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ranges = Sequence[Sequence[float]]
"""[lowest, highest] stored value: none (the whole range of the type), one pair for all bands, or one a band."""
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PAGES = 64
_MOST_RATIO = 2000
"""Bytes a file's byte can hold, decoded: deflate packs 1,032 of them into one, LZW 1,365."""
_SMALL = 1 << 26
# it logs each odd tag of a file; whether the file can be read is what counts
logging.getLogger("tifffile").addHandler(logging.NullHandler())


class BandsError(ValueError):
    """The bands of this file cannot be read; the message is the reason."""


def is_tiff(data: bytes) -> bool:
    """Whether a file is a TIFF, by its first bytes."""
    return data[:4] in _TIFF


def read_bands(data: bytes) -> NDArray:
    """All bands of an image as they are stored, in their order.

    Returns:
        (height, width, bands) of the file's own type.

    Raises:
        BandsError: a TIFF that is damaged or compressed in a way that needs a package which is not installed.
        OSError and others: what Pillow raises for other files.
    """
    return _read_tiff(data) if is_tiff(data) else _read_other(data)


def _read_tiff(data: bytes) -> NDArray:
    import tifffile
    from PIL import Image

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            series = file.series[0]
            axes, shape = series.axes, series.shape
            size = {axis: length for axis, length in zip(axes, shape, strict=True) if axis in "YX"}
            count = math.prod(shape)
            most = 2 * (Image.MAX_IMAGE_PIXELS or count)
            if math.prod(size.values()) > most or count > most * _PAGES:
                raise BandsError(f"{' x '.join(map(str, shape))} numbers are too many")
            if count * series.dtype.itemsize > max(_SMALL, _MOST_RATIO * len(data)):
                raise BandsError(f"damaged: {' x '.join(map(str, shape))} numbers cannot be in {len(data):,} bytes")
            values = np.asarray(series.asarray())
        places = [axes.index(axis) for axis in "YX"]
    except BandsError:
        raise
    except Exception as error:  # its parser raises whatever it stumbles over
        raise BandsError(f"not a TIFF that can be read ({error})") from None
    return np.moveaxis(values, places, (0, 1)).reshape(size["Y"], size["X"], -1)


def _read_other(data: bytes) -> NDArray:
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data)) as image:
        image.load()
        try:
            upright = ImageOps.exif_transpose(image)
        except Exception:  # a damaged EXIF says nothing of how the image lies
            upright = image
        values = np.asarray(upright.convert("RGBA") if upright.mode in ("P", "PA") else upright)
    return values.reshape(*values.shape[:2], -1)


def eight_bits(values: NDArray, ranges: Ranges) -> NDArray[np.uint8]:
    """Stored values as bytes: the lowest becomes 0, the highest 255, with rounding; what lies outside is clipped.

    Args:
        values: (height, width, bands).
        ranges: see :data:`Ranges`. Bytes stay what they are and 16 bits are scaled from [0, 65535] where there is none.

    Returns:
        The same shape; what is not a number becomes 0.

    Raises:
        BandsError: signed, 32-bit or floating-point values, whose range nobody can know, without ranges; or as many
            pairs as there are no bands.
    """
    if not ranges:
        if values.dtype == np.uint8:
            return np.ascontiguousarray(values)
        if values.dtype != np.uint16:
            raise BandsError(f"{values.dtype} pixels; value_range: must say which range becomes 0 to 255")
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if len(ranges) not in (1, values.shape[2]):
        raise BandsError(f"{values.shape[2]} bands; value_range: has {len(ranges)} pairs")
    low, high = np.asarray(ranges, np.float64).T
    share = np.nan_to_num((values.astype(np.float64) - low) / (high - low), nan=0.0)
    return np.rint(255 * share.clip(0, 1)).astype(np.uint8)


def decode_bands(data: bytes, channels: int, ranges: Ranges) -> NDArray[np.uint8]:
    """An image as ``channels`` bands of bytes, in the order in which they are stored.

    For one and three channels further bands are left out, as alpha is, and a grey image is repeated; another number
    must be there exactly.

    Returns:
        (height, width, channels).

    Raises:
        BandsError: another number of bands, or values that cannot be brought to bytes.
    """
    values = read_bands(data)
    found = values.shape[2]
    if channels in (1, 3):
        values = values[:, :, :channels] if found >= channels else np.repeat(values[:, :, :1], channels, axis=2)
    elif found != channels:
        raise BandsError(f"{found} bands; channels: {channels}")
    return eight_bits(values, ranges)
